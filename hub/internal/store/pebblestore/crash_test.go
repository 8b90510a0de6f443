package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestPowerLoss cuts the power at random moments. The disk keeps what was synced and a
// random part of the rest. Afterwards each acknowledged batch is there once, and any other
// once or not at all.
func TestPowerLoss(t *testing.T) {
	seeds := uint64(storetest.Volume(40))
	if racetest.Enabled && testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			fs := vfs.NewCrashableMem()
			acknowledged := storetest.NewOracle()
			for life := range 4 {
				fs = live(t, fs, acknowledged, r, life)
			}
			equal(t, open(t, Options{FS: fs, tuning: busy}), acknowledged)
		})
	}
}

// live opens a store, has instances append to it, and cuts the power meanwhile.
// What the crash left is returned; the batches in it are added to the oracle.
func live(t *testing.T, fs *vfs.MemFS, acknowledged *storetest.Oracle, r *rand.Rand, life int) *vfs.MemFS {
	s, err := Open("data", Options{FS: fs, tuning: busy})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, s, acknowledged)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		sent  []*wire.Batch
		kept  = make(map[*wire.Batch]bool) // acknowledged before the crash
		total atomic.Int64
		stop  atomic.Bool
	)
	for i := range 3 {
		next := batches(fmt.Sprintf("%d-%d", life, i), 20+r.IntN(60))
		wg.Go(func() {
			for !stop.Load() {
				b := next()
				b.Health = []wire.HealthResult{{
					Service: "orders", Check: b.Instance, Status: health.Down, From: storetest.Noon, To: storetest.Noon + int64(b.Sequence),
				}}
				mu.Lock()
				sent = append(sent, b)
				mu.Unlock()
				if _, err := s.Append(t.Context(), b); err != nil {
					t.Errorf("append: %v", err)
					return
				}
				mu.Lock()
				kept[b] = true
				mu.Unlock()
				total.Add(1)
			}
		})
	}
	for least := int64(r.IntN(60)); total.Load() < least; {
		awaitTurn(t, s)
	}
	mu.Lock()
	before := make(map[*wire.Batch]bool, len(kept))
	for b := range kept {
		before[b] = true
	}
	mu.Unlock()
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: r.IntN(101), RNG: r})
	stop.Store(true)
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	// Asking again is how a shipper finds out; what it learns must be true.
	s, err = Open("data", Options{FS: crashed, tuning: busy})
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	for _, b := range sent {
		if before[b] {
			mustAppend(t, acknowledged, b)
		}
	}
	for _, b := range sent {
		fresh, err := s.Append(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if before[b] && fresh[0] {
			t.Errorf("batch %s/%d was acknowledged and is gone", b.Instance, b.Sequence)
		}
		if !before[b] {
			mustAppend(t, acknowledged, b)
		}
	}
	equal(t, s, acknowledged)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return crashed
}

// TestDiskTrouble breaks one kind of disk operation at a time. Appends fail with
// a clear error or succeed; nothing acknowledged is lost; and once the disk works again,
// the store recovers by itself.
func TestDiskTrouble(t *testing.T) {
	full := fmt.Errorf("no room: %w", syscall.ENOSPC)
	broken := errors.New("input/output error")
	journalFile := func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, journalSuffix) }
	pebbleFile := func(op errorfs.Op) bool { return strings.Contains(op.Path, "/pebble/") }
	write := func(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate }
	sync := func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	}
	for _, test := range []struct {
		name string
		err  error
		hits func(errorfs.Op) bool
		want error // of appends while it lasts
	}{
		{"disk full", full, write, store.ErrFull},
		{"every sync fails", broken, sync, store.ErrUnavailable},
		{"journal cannot be written", full, func(op errorfs.Op) bool { return journalFile(op) && write(op) }, store.ErrFull},
		{"journal cannot be synced", broken, func(op errorfs.Op) bool { return journalFile(op) && sync(op) }, store.ErrUnavailable},
		{"no new journal segment", full, func(op errorfs.Op) bool { return journalFile(op) && op.Kind == errorfs.OpCreate }, store.ErrFull},
		{"tables cannot be written", full, func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") && write(op) }, store.ErrFull},
		{"tables cannot be synced", broken, func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, ".sst") && sync(op) }, store.ErrUnavailable},
		{"manifest cannot be written", full, func(op errorfs.Op) bool { return strings.Contains(op.Path, "MANIFEST") && write(op) }, store.ErrFull},
		{"manifest cannot be synced", broken, func(op errorfs.Op) bool { return strings.Contains(op.Path, "MANIFEST") && sync(op) }, store.ErrUnavailable},
		{"nothing of Pebble's can be written", full, func(op errorfs.Op) bool { return pebbleFile(op) && op.Kind.ReadOrWrite() == errorfs.OpIsWrite }, store.ErrFull},
	} {
		t.Run(test.name, func(t *testing.T) { breakAndMend(t, test.err, test.hits, test.want) })
	}
}

func breakAndMend(t *testing.T, failure error, hits func(errorfs.Op) bool, want error) {
	var on atomic.Bool
	mem := vfs.NewCrashableMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && hits(op) {
			return failure
		}
		return nil
	}))
	s := open(t, Options{FS: fs, tuning: busy})
	oracle := storetest.NewOracle()
	next := batches("a", 100)
	for range storetest.Volume(3) {
		for range 10 {
			b := next()
			mustAppend(t, s, b)
			mustAppend(t, oracle, b)
		}
		on.Store(true)
		// More than memory takes: sooner or later there is an error.
		failed := 0
		var refused []*wire.Batch
		for n := 0; n < 5000 && failed < 5; n++ {
			b := next()
			_, err := s.Append(t.Context(), b)
			if err == nil {
				mustAppend(t, oracle, b)
				continue
			}
			failed++
			refused = append(refused, b)
			if !errors.Is(err, want) || !strings.Contains(err.Error(), failure.Error()) && want != store.ErrFull {
				t.Fatalf("append: %v, want %v with the reason", err, want)
			}
		}
		if failed == 0 {
			t.Fatal("no append failed")
		}
		equal(t, s, oracle) // reports go on
		crashed := open(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), tuning: busy})
		equal(t, crashed, oracle)
		crashed.Close()

		on.Store(false)
		for _, b := range refused {
			for {
				if _, err := s.Append(t.Context(), b); err == nil {
					break
				}
				awaitTurn(t, s)
			}
			mustAppend(t, oracle, b)
		}
		equal(t, s, oracle)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, open(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), tuning: busy}), oracle)
}

// TestFreezeTwice fills memory once more after its engine died with the frozen one, before
// the committer notices. Queries still have both.
func TestFreezeTwice(t *testing.T) {
	var on atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !strings.Contains(op.Path, journalDir) {
			return syscall.EIO
		}
		return nil
	}))
	s, oracle := open(t, Options{FS: fs, tuning: busy}), storetest.NewOracle()
	next := batches("a", 100)
	on.Store(true) // so that there is no other engine
	err := s.do(t.Context(), func(c *committer) error {
		for range 2 {
			b := next()
			mustAppend(t, oracle, b)
			call := &appendCall{batches: []*wire.Batch{b}, records: [][]byte{appendRecord(nil, b.AppendBinary)}, fresh: make([]bool, 1), done: make(chan struct{})}
			if c.commit([]*appendCall{call}); call.err != nil {
				return call.err
			}
			if c.freeze(); c.built != nil {
				failed := <-c.built
				failed.err = syscall.EIO
				c.apply(failed)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, s, oracle)
	on.Store(false)
	for dead := true; dead; {
		if err := s.do(t.Context(), func(c *committer) error { dead = c.dead == nil; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, s, oracle)
}

// TestOpenOnFullDisk opens a store whose journal cannot be replayed into Pebble: it
// answers queries, and takes batches once there is room.
func TestOpenOnFullDisk(t *testing.T) {
	var on atomic.Bool
	mem := vfs.NewCrashableMem()
	oracle := storetest.NewOracle()
	next := batches("a", 100)
	first := open(t, Options{FS: mem})
	for range 5 {
		b := next()
		mustAppend(t, first, b)
		mustAppend(t, oracle, b)
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	on.Store(true)
	fs := errorfs.Wrap(crashed, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, Options{FS: fs, tuning: busy})
	equal(t, s, oracle)
	b := next()
	mustAppend(t, s, b)
	mustAppend(t, oracle, b)
	equal(t, s, oracle)
	on.Store(false)
	for dead := true; dead; {
		err := s.do(t.Context(), func(c *committer) error { dead = c.dead == nil; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, s, oracle)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, open(t, Options{FS: crashed, tuning: busy}), oracle)
}

// TestPowerLossWhileOpening cuts the power at each operation of a store that is opened for
// the first time, and for the second. The disk keeps what was synced and a random part
// of the rest.
func TestPowerLossWhileOpening(t *testing.T) {
	oracle := storetest.NewOracle()
	for seed := range uint64(storetest.Volume(12)) {
		r := rand.New(rand.NewPCG(seed, 2))
		before := vfs.NewCrashableMem()
		for life := range 2 {
			cut := true
			for at := 1; cut; at++ {
				mem := before.CrashClone(vfs.CrashCloneCfg{})
				var crashed atomic.Pointer[vfs.MemFS]
				var ops atomic.Int64
				fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
					if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && ops.Add(1) == int64(at) {
						crashed.Store(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r}))
					}
					return nil
				}))
				s := open(t, Options{FS: fs, tuning: busy})
				if cut = crashed.Load() != nil; cut {
					again, err := Open("data", Options{FS: crashed.Load(), tuning: busy})
					if err != nil {
						t.Fatalf("seed %d, life %d, operation %d: %v", seed, life, at, err)
					}
					equal(t, again, oracle)
					again.Close()
				}
				s.Close()
				if !cut {
					before = mem
				}
			}
		}
	}
}

// TestPruneToSizeOnADyingDisk closes a store whose database died while it was compacted.
func TestPruneToSizeOnADyingDisk(t *testing.T) {
	var on atomic.Bool
	var syncs atomic.Int64
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if on.Load() && isSync && strings.HasSuffix(op.Path, tableSuffix) && syncs.Add(1) > 1 {
			return syscall.EIO
		}
		return nil
	}))
	s := open(t, Options{FS: fs, tuning: busy})
	next := batches("a", 500)
	for range 8 {
		mustAppend(t, s, next())
		if err := s.do(t.Context(), (*committer).settle); err != nil {
			t.Fatal(err)
		}
	}
	on.Store(true)
	// What it deletes is flushed, and the compaction of that fails.
	if _, err := s.PruneToSize(context.Background(), 1); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("prune to size: %v, want %v", err, store.ErrUnavailable)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
