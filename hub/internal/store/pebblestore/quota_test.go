package pebblestore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// stream is a service that sends batches of requests as time goes by, a few of them late.
type stream struct {
	r        *rand.Rand
	at       int64 // Unix ms
	step     int64 // ms, from one batch to the next
	late     int64 // ms, at most
	requests int   // in a batch
	sequence uint64
	starts   []int64 // of everything sent
}

func (s *stream) next() *wire.Batch {
	b := wire.NewBuilder()
	for range s.requests {
		start := s.at + s.r.Int64N(s.step)
		if s.late > 0 && s.r.IntN(20) == 0 {
			start -= s.r.Int64N(s.late)
		}
		s.starts = append(s.starts, start)
		b.Add(&wire.Request{
			Key:      wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d", s.r.IntN(20)), Method: "GET", Status: 200},
			User:     fmt.Sprintf("%016x%016x%016x", s.r.Uint64(), s.r.Uint64(), s.r.Uint64()),
			Start:    start,
			Duration: time.Duration(s.r.ExpFloat64() * 2e7),
		})
	}
	s.at += s.step
	s.sequence++
	return b.Batch("a", s.sequence)
}

// again returns a batch as the next one, at the time that it is.
func (s *stream) again(b *wire.Batch, made int64) *wire.Batch {
	next := *b
	next.Start = make([]int64, len(b.Start))
	for i, start := range b.Start {
		next.Start[i] = start + s.at - made
	}
	s.starts = append(s.starts, next.Start...)
	s.at += s.step
	s.sequence++
	next.Sequence = s.sequence
	return &next
}

// since returns how many requests were sent that started at an instant or later.
func (s *stream) since(floor int64) (n int) {
	for _, start := range s.starts {
		if start >= floor {
			n++
		}
	}
	return n
}

// settled writes everything into the database's files, and compacts them.
func settled(t testing.TB, s *Store) {
	t.Helper()
	if err := s.do(t.Context(), (*committer).settle); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
}

// kept measures what of the store only deleting makes smaller.
func kept(t testing.TB, s *Store) int64 {
	t.Helper()
	for {
		u, err := s.usage(s.engine)
		if err != nil {
			t.Fatal(err)
		}
		if u.leaving == 0 {
			return u.kept()
		}
		time.Sleep(time.Millisecond) // files are deleted in the background
	}
}

// TestPruneToSize deletes as much as it must, and no more, of requests that came in order,
// somewhat late, and in no order at all.
func TestPruneToSize(t *testing.T) {
	racetest.LeaveToLong(t)
	for _, test := range []struct {
		name string
		late int64
		// Percent of the size that may be missing. Pages are much of so small a store, and those
		// that are compacted after it was measured become smaller; TestMaximumSize is exact.
		tail int64
	}{{"in order", 0, 13}, {"late", 20_000, 13}, {"in no order", 3 * hourMillis, 45}} {
		t.Run(test.name, func(t *testing.T) {
			s, oracle := open(t, Options{FS: vfs.NewMem(), tuning: busy}), storetest.NewOracle()
			in := stream{r: rand.New(rand.NewPCG(3, 4)), at: storetest.Noon - 3*hourMillis, step: 60_000, late: test.late, requests: 500}
			for range 180 {
				b := in.next()
				mustAppend(t, s, b)
				mustAppend(t, oracle, b)
			}
			settled(t, s)
			size := kept(t, s)
			if before, err := s.PruneToSize(t.Context(), size*100/fullMark+200); before != 0 || err != nil {
				t.Fatalf("a store that is small enough: pruned before %d, %v", before, err)
			}
			for _, limit := range []int64{size * 9 / 10, size * 2 / 3, size / 2} {
				before, err := s.PruneToSize(t.Context(), limit)
				if err != nil || before != s.Floor() {
					t.Fatalf("pruned before %d, %v; the floor is %d", before, err, s.Floor())
				}
				if after := kept(t, s); after > limit || after < limit*(100-test.tail)/100 {
					t.Errorf("%d bytes are left of %d to fit into %d", after, size, limit)
				}
				if err := oracle.Prune(t.Context(), before); err != nil {
					t.Fatal(err)
				}
				equal(t, s, oracle)
			}
		})
	}
}

// TestPruneToSizeWhileRead prunes a store whose files are in use by a reader. Deleting more
// would not free the disk earlier.
func TestPruneToSizeWhileRead(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	in := stream{r: rand.New(rand.NewPCG(5, 6)), at: storetest.Noon - 3*hourMillis, step: 60_000, requests: 500}
	for range 100 {
		mustAppend(t, s, in.next())
	}
	settled(t, s)
	limit := kept(t, s) / 2
	n := 0
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n > 1 {
			continue
		}
		if before, err := s.PruneToSize(t.Context(), limit); before == 0 || err != nil {
			t.Errorf("pruned before %d, %v", before, err)
		}
		if before, err := s.PruneToSize(t.Context(), limit); before != 0 || err != nil {
			t.Errorf("pruned again before %d, %v", before, err)
		}
	}
	if n != len(in.starts) {
		t.Errorf("the reader has read %d of %d requests", n, len(in.starts))
	}
}

// TestSetAsideIsNotMeasured: what was set aside does not make the store delete.
func TestSetAsideIsNotMeasured(t *testing.T) {
	disk := vfs.NewMem()
	s := open(t, Options{FS: disk, tuning: busy})
	mustAppend(t, s, batches("a", 100)())
	settled(t, s)
	before := kept(t, s)
	for _, dir := range []string{"data/" + asideDir, "data/" + snapshotPrefix + "1"} {
		if err := disk.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, disk, dir+"/large", strings.Repeat("x", 1<<20))
	}
	if after := kept(t, s); after != before {
		t.Errorf("it measures %d bytes, and %d before", after, before)
	}
	writeFile(t, disk, "data/large", strings.Repeat("x", 1<<20))
	if after := kept(t, s); after != before+1<<20 {
		t.Errorf("it measures %d bytes, and %d before a file of 1 MiB", after, before)
	}
}

// TestFloorBeforeCut cuts the power when the floor is durable, and what lies before it is
// not deleted yet.
func TestFloorBeforeCut(t *testing.T) {
	disk, oracle := vfs.NewCrashableMem(), storetest.NewOracle()
	s := open(t, Options{FS: disk, tuning: busy})
	in := stream{r: rand.New(rand.NewPCG(7, 8)), at: storetest.Noon - hourMillis, step: 60_000, requests: 500}
	for range 60 {
		b := in.next()
		mustAppend(t, s, b)
		mustAppend(t, oracle, b)
	}
	settled(t, s)
	floor := storetest.Noon - hourMillis/2
	if err := s.do(t.Context(), func(c *committer) error { return c.raiseFloor(floor, nil) }); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.flush(); err != nil {
		t.Fatal(err)
	}
	all := blocks(t, s)
	s = open(t, Options{FS: disk.CrashClone(vfs.CrashCloneCfg{}), tuning: busy})
	if err := oracle.Prune(t.Context(), floor); err != nil {
		t.Fatal(err)
	}
	equal(t, s, oracle)
	// What is too much is deleted next, without another floor.
	settled(t, s)
	if before, err := s.PruneToSize(t.Context(), kept(t, s)*9/10); before != floor || err != nil {
		t.Errorf("pruned before %d, %v; want %d, where the floor is", before, err, floor)
	}
	if n := blocks(t, s); n >= all {
		t.Errorf("%d blocks, and %d before", n, all)
	}
	equal(t, s, oracle)
}

// TestMaximumSize fills a store on the disk as fast as it takes requests. All of its
// directory stays within the size, and once it is full, does not fall far below. In short
// mode, other tests may take the processors from the deletions: then it is at most 15 % above
// it, and at least three quarters of it.
func TestMaximumSize(t *testing.T) {
	if racetest.Enabled {
		t.Skip("the race detector slows the engine's compactions more than what is written")
	}
	const mib = 1 << 20
	sizes := []int64{32}
	if !testing.Short() {
		sizes = append(sizes, 64, 256)
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size, " MiB"), func(t *testing.T) { testMaximumSize(t, size*mib) })
	}
}

func testMaximumSize(t *testing.T, limit int64) {
	dir := t.TempDir()
	s, err := Open(dir, Options{MaxSize: limit})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()

	ctx, cancel := context.WithCancel(t.Context())
	var measured sync.WaitGroup
	var largest, smallest, full atomic.Int64
	smallest.Store(limit)
	measured.Go(func() {
		for ctx.Err() == nil {
			size := taken(t, vfs.Default, dir)

			largest.Store(max(largest.Load(), size))
			if full.Load() > 0 || s.Floor() > 0 {
				full.Add(1)
				smallest.Store(min(smallest.Load(), size))
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	in := stream{r: rand.New(rand.NewPCG(1, 2)), at: storetest.Noon - 3*hourMillis, step: 100, late: 500, requests: 5000}
	var made [40]*wire.Batch // more than memory holds
	var at [len(made)]int64
	for i := range made {
		at[i] = in.at
		made[i] = in.next()
		mustAppend(t, s, made[i])
	}
	begin := time.Now()
	const bytes = 30 // of a request on the disk; the name of its user takes most of that
	enough := limit / bytes * 3 / 2
	if testing.Short() {
		enough = limit / bytes * 6 / 5
	}
	for i := 0; int64(len(in.starts)) < enough; i++ {
		mustAppend(t, s, in.again(made[i%len(made)], at[i%len(made)]))
	}
	elapsed := time.Since(begin)
	cancel()
	measured.Wait()
	t.Logf("%d requests in %v: between %.1f and %.1f %% of %d MiB, measured %d times when full", len(in.starts), elapsed.Round(time.Second),
		float64(smallest.Load())*100/float64(limit), float64(largest.Load())*100/float64(limit), limit>>20, full.Load())
	if full.Load() == 0 {
		t.Fatal("the store was never full")
	}
	least, most := limit*90/100, limit
	if testing.Short() {
		least, most = limit*75/100, limit*115/100
	}
	if largest.Load() > most {
		t.Errorf("the directory had %d bytes, more than %d", largest.Load(), most)
	}
	if smallest.Load() < least {
		t.Errorf("the directory had %d bytes once it was full, less than %d", smallest.Load(), least)
	}
	settled(t, s)
	n, floor := 0, s.Floor()
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if want := in.since(floor); n != want {
		t.Errorf("%d requests, and %d were sent that start at the floor or later", n, want)
	}
}

// TestFullStoreDoesNotPause fills a store whose ticks never come. Nothing that waits for a flush
// or a deletion may need one to go on.
func TestFullStoreDoesNotPause(t *testing.T) {
	tuning := defaultTuning
	tuning.pause = 24 * time.Hour
	s := open(t, Options{FS: vfs.NewMem(), MaxSize: 8 << 20, tuning: tuning})
	in := stream{r: rand.New(rand.NewPCG(1, 2)), at: storetest.Noon - 3*hourMillis, step: 100, late: 500, requests: 2000}
	var deletions atomic.Int64
	filled := make(chan error, 1)
	go func() {
		for deletions.Load() < 10 {
			before := s.Floor()
			if _, err := s.Append(context.Background(), in.next()); err != nil {
				filled <- err
				return
			}
			if s.Floor() != before {
				deletions.Add(1)
			}
		}
		filled <- nil
	}()
	select {
	case err := <-filled:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Errorf("it waits after %d deletions", deletions.Load())
	}
}

// TestMaximumSizeIsLowered lowers the size under load.
func TestMaximumSizeIsLowered(t *testing.T) {
	if racetest.Enabled {
		t.Skip("what takes a second takes two minutes under the race detector")
	}
	s := open(t, Options{FS: vfs.NewMem()})
	in := stream{r: rand.New(rand.NewPCG(9, 1)), at: storetest.Noon - 3*hourMillis, step: 1000, late: 5000, requests: 5000}
	for range 400 {
		mustAppend(t, s, in.next())
	}
	settled(t, s)
	limit := kept(t, s) / 2
	s.KeepSize(limit)
	begin := time.Now()
	for kept(t, s) > limit {
		mustAppend(t, s, in.next())
		if time.Since(begin) > time.Minute {
			t.Fatalf("%d bytes are left after a minute, of %d", kept(t, s), limit)
		}
	}
	t.Logf("it took %v", time.Since(begin))
	if before, err := s.PruneToSize(t.Context(), limit); before != s.Floor() || err != nil {
		t.Errorf("deleted before %d, %v; the floor is %d", before, err, s.Floor())
	}
}
