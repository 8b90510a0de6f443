package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// busy makes everything that usually takes minutes happen with every few batches.
var busy = tuning{memory: 300, ceiling: 2000, age: time.Hour, durable: 20_000, segment: 1 << 20, pause: time.Millisecond}

var claims = storetest.Abilities{Floorer: true, Sizer: true, Timekeeper: true, Checker: true, Loser: true, Snapshotter: true}

func TestConformance(t *testing.T) {
	tunings := map[string]tuning{"busy": busy, "default": defaultTuning}
	if testing.Short() {
		delete(tunings, "default") // Where all happens often, the race detector sees more.
	}
	for name, tuning := range tunings {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
				fs := vfs.NewMem()
				return storetest.Engine{
					Open: func(t testing.TB) store.Store { return open(t, Options{FS: fs, tuning: tuning}) },
					Restore: func(t testing.TB, s store.Snapshot) store.Store {
						return open(t, Options{FS: restore(t, s), tuning: tuning})
					},
				}
			})
		})
	}
}

func TestConformanceOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("the same is tested in memory; make test-long runs it on the disk")
	}
	storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
		dir := t.TempDir()
		return storetest.Engine{
			Open: func(t testing.TB) store.Store {
				s, err := Open(dir, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Restore: func(t testing.TB, s store.Snapshot) store.Store { return open(t, Options{FS: restore(t, s)}) },
		}
	})
}

// open opens a store in the file system's directory "data", to be closed with the test.
func open(t testing.TB, opts Options) *Store {
	t.Helper()
	s, err := Open("data", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var everything = rollup.Window{From: 0, To: 1 << 50}

// batches makes numbered batches of one instance, of n requests around now.
func batches(instance string, n int) func() *wire.Batch {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(instance))))
	sequence := uint64(0)
	return func() *wire.Batch {
		b := wire.NewBuilder()
		for range n {
			b.Add(&wire.Request{
				Key:      wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d", r.IntN(20)), Method: "GET", Status: 200 + r.IntN(3)*150},
				User:     fmt.Sprint("user-", r.IntN(100)),
				Start:    storetest.Noon - r.Int64N(3*hourMillis),
				Duration: time.Duration(r.ExpFloat64() * 2e7),
			})
		}
		sequence++
		return b.Batch(instance, sequence)
	}
}

func mustAppend(t testing.TB, s store.Store, b *wire.Batch) {
	t.Helper()
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// equal fails the test unless the store and the oracle answer alike.
func equal(t testing.TB, s, oracle store.Store) {
	t.Helper()
	got, want := storetest.Rollups(t, s, store.RollupQuery{Window: everything}), storetest.Rollups(t, oracle, store.RollupQuery{Window: everything})
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("rollups differ:\n got %d lines %.3000s\nwant %d lines %.3000s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	n, m := 0, 0
	for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	for range oracle.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		m++
	}
	if n != m {
		t.Fatalf("%d requests, want %d", n, m)
	}
	q := store.HealthQuery{Window: everything}
	if got, want := storetest.Health(t, s, q), storetest.Health(t, oracle, q); !slices.Equal(got, want) {
		t.Fatalf("%d health results, want %d", len(got), len(want))
	}
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("second open: %v, want store.ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, Options{})
	if err != nil {
		t.Fatalf("open after close: %v", err)
	}
	s.Close()
}

// Data of an earlier version is upgraded, and its program can no longer read it.
// barred is a disk on which nothing can be locked.
type barred struct {
	vfs.FS
	err error
}

func (b barred) Lock(string) (io.Closer, error) { return nil, b.err }

// TestLockErrors: only a lock that is held means that another process has the store.
func TestLockErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		held bool
	}{
		{syscall.EAGAIN, true},
		{errors.New("lock held by current process"), true},
		{&fs.PathError{Op: "open", Path: "data/LOCK", Err: syscall.EACCES}, false},
		{&fs.PathError{Op: "open", Path: "data/LOCK", Err: syscall.EROFS}, false},
		{&fs.PathError{Op: "open", Path: "data/LOCK", Err: syscall.ENOSPC}, false},
	} {
		_, err := Open("data", Options{FS: barred{vfs.NewMem(), test.err}})
		if !errors.Is(err, test.err) || errors.Is(err, store.ErrLocked) != test.held {
			t.Errorf("%v: %v", test.err, err)
		}
	}
}

// TestMissingFormat: a database without its FORMAT is not taken for a new store.
func TestMissingFormat(t *testing.T) {
	fs := vfs.NewMem()
	if err := errors.Join(open(t, Options{FS: fs}).Close(), fs.Remove("data/FORMAT")); err != nil {
		t.Fatal(err)
	}
	if s, err := Open("data", Options{FS: fs}); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%v, %v, want store.ErrDamaged", s, err)
	}
}

func TestFormatIsRaised(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200}, Start: storetest.Noon})
	if _, err := s.Append(t.Context(), b.Batch("a", 1)); err != nil {
		t.Fatal(err)
	}
	s.Close()
	writeFile(t, fs, "data/FORMAT", "1\n")
	s = open(t, Options{FS: fs})
	if n := len(storetest.Rollups(t, s, store.RollupQuery{Window: rollup.Window{To: 1 << 60}})); n != 1 {
		t.Errorf("%d series", n)
	}
	if text, err := readFile(fs, "data/FORMAT"); string(text) != "3\n" || err != nil {
		t.Errorf("FORMAT is %q, %v", text, err)
	}
}

// A batch with a release and errors, which are not stored yet, is kept like any
// other: in memory, in the journal and in blocks.
func TestReleaseAndErrors(t *testing.T) {
	fs, oracle := vfs.NewCrashableMem(), storetest.NewOracle()
	s := open(t, Options{FS: fs})
	b := batches("a", 40)()
	b.Version = "v1.4.2"
	b.Errors = []string{"", "timeout", "KeyError"}
	for i := range b.Len() {
		b.Error = append(b.Error, uint32(i%3))
	}
	var sent wire.Batch
	if err := wire.Decode(b.AppendBinary(nil), &sent); err != nil || sent.Request(2).Error != "KeyError" {
		t.Fatalf("%+v: %v", sent, err)
	}
	mustAppend(t, oracle, &sent)
	for _, again := range []bool{false, true} {
		if fresh, err := s.Append(t.Context(), &sent); err != nil || fresh[0] == again {
			t.Errorf("sent again: %t; fresh %v, %v", again, fresh, err)
		}
	}
	equal(t, s, oracle)
	s = open(t, Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})}) // which reads the journal
	if blocks(t, s) == 0 {
		t.Error("nothing was read from the journal")
	}
	equal(t, s, oracle)
	want := make(map[string]int)
	for i := range sent.Len() {
		r := sent.Request(i)
		r.Error = ""
		want[fmt.Sprintf("%+v", r)]++
	}
	for r, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprintf("%+v", r.Request)]--
	}
	for r, n := range want {
		if n != 0 {
			t.Errorf("%s: %d too few", r, n)
		}
	}
}

func writeFile(t testing.TB, fs vfs.FS, name, content string) {
	t.Helper()
	f, err := fs.Create(name, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestAge flushes by age: the clock, not the machine's time, says when.
func TestAge(t *testing.T) {
	fs := vfs.NewMem()
	now := time.Now()
	tuning := defaultTuning
	tuning.pause = time.Millisecond
	s := open(t, Options{FS: fs, tuning: tuning, Now: func() time.Time { return now }})
	next := batches("a", 10)
	mustAppend(t, s, next())
	if n := blocks(t, s); n != 0 {
		t.Fatalf("%d blocks right after an append", n)
	}
	for i := range 2 {
		err := s.do(t.Context(), func(*committer) error { now = now.Add(tuning.age); return nil })
		if err != nil {
			t.Fatal(err)
		}
		// Two turns later the committer has frozen, applied and asked Pebble.
		for i == 0 && blocks(t, s) == 0 {
			awaitTurn(t, s)
		}
	}
	for len(journalOf(t, fs)) > 1 { // but for the newest, which is empty
		awaitTurn(t, s)
	}
}

// awaitTurn waits for a tick of the committer.
func awaitTurn(t testing.TB, s *Store) {
	t.Helper()
	if err := s.do(t.Context(), func(*committer) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// blocks counts the blocks in Pebble.
func blocks(t testing.TB, s *Store) (n int) {
	t.Helper()
	s.mu.RLock()
	e := s.engine
	s.mu.RUnlock()
	if err := e.scan(prefixBlock, func(_, _ []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func journalOf(t testing.TB, fs vfs.FS) []uint64 {
	t.Helper()
	numbers, err := segments(fs, "data/journal")
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}

func TestPruneToSize(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	next := batches("a", 2000)
	oracle := storetest.NewOracle()
	for range 40 {
		b := next()
		mustAppend(t, s, b)
		mustAppend(t, oracle, b)
	}
	if before, err := s.PruneToSize(t.Context(), 1<<40); before != 0 || err != nil {
		t.Fatalf("a small store: pruned before %d, %v", before, err)
	}
	err := s.do(t.Context(), func(c *committer) error { c.freeze(); c.drain(); c.makeDurable(); c.drain(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	size := s.engine.size()
	before, err := s.PruneToSize(t.Context(), size*2/3)
	if err != nil {
		t.Fatal(err)
	}
	if before <= storetest.Noon-3*hourMillis || before > storetest.Noon {
		t.Fatalf("pruned before %d, want within the three hours before %d", before, storetest.Noon)
	}
	if after := s.engine.size(); after > size*4/5 {
		t.Errorf("%d bytes after pruning, %d before", after, size)
	}
	if err := oracle.Prune(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	equal(t, s, oracle)
}

// TestIdentityForgotten forgets instances that fell silent, and only those.
func TestIdentityForgotten(t *testing.T) {
	now := time.Now()
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy, Now: func() time.Time { return now }})
	old, young := batches("old", 1)(), batches("young", 1)()
	mustAppend(t, s, old)
	err := s.do(t.Context(), func(*committer) error {
		now = now.Add(time.Duration(identityAge)*time.Millisecond + time.Second)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, young)
	if err := s.Prune(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	fresh, err := s.Append(t.Context(), old, young)
	if err != nil || !fresh[0] || fresh[1] {
		t.Errorf("after 8 days: fresh %v, %v; want the old instance forgotten and the young one known", fresh, err)
	}
}

// TestGaps refuses an instance whose sequence has more gaps than are remembered.
func TestGaps(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	r := wire.Request{Key: wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200}, Start: storetest.Noon}
	var all []*wire.Batch
	for i := range uint64(maxGaps) {
		b := wire.NewBuilder()
		b.Add(&r)
		all = append(all, b.Batch("gappy", 2*i))
	}
	if _, err := s.Append(t.Context(), all...); err != nil {
		t.Fatal(err)
	}
	// A number that closes a gap is welcome.
	b := wire.NewBuilder()
	b.Add(&r)
	if fresh, err := s.Append(t.Context(), b.Batch("gappy", 7)); err != nil || !fresh[0] {
		t.Errorf("a number that closes a gap: %v, %v", fresh, err)
	}
	if fresh, err := s.Append(t.Context(), b.Batch("gappy", 1<<30)); err != nil || !fresh[0] {
		t.Errorf("the place that became free: %v, %v", fresh, err)
	}
	good, bad := batches("good", 1)(), b.Batch("gappy", 1<<40)
	if _, err := s.Append(t.Context(), good, bad); !errors.Is(err, store.ErrFull) {
		t.Errorf("one gap too many: %v, want store.ErrFull", err)
	}
	if fresh, err := s.Append(t.Context(), good, all[5]); err != nil || !fresh[0] || fresh[1] {
		t.Errorf("the refused call's other batch: %v, %v; want it new, as nothing of that call was kept", fresh, err)
	}
}

// TestTooLong refuses a batch that could be written but not read again.
func TestTooLong(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	b := wire.NewBuilder()
	for i := range wire.MaxRequests {
		b.Add(&wire.Request{
			Key:   wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200},
			User:  fmt.Sprintf("%0200d", i),
			Start: storetest.Noon,
		})
	}
	if _, err := s.Append(t.Context(), b.Batch("a", 1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a batch of more than %d bytes: %v, want wire.ErrMalformed", wire.MaxBytes, err)
	}
	mustAppend(t, s, batches("b", 10)())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{FS: fs})
}
