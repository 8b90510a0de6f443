package pebblestore

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// restore returns a file system whose directory "data" has what a snapshot has.
func restore(t testing.TB, s store.Snapshot) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	for _, file := range s.Files() {
		if file.IsDir() {
			if err := fs.MkdirAll(path.Join("data", file.Name), 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		b, err := readSnapshot(s, file.Name)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(b)) != file.Size {
			t.Errorf("%s has %d bytes, and was said to have %d", file.Name, len(b), file.Size)
		}
		name := path.Join("data", file.Name)
		if err := fs.MkdirAll(path.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, fs, name, string(b))
	}
	return fs
}

func readSnapshot(s store.Snapshot, name string) ([]byte, error) {
	r, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func mustSnapshot(t testing.TB, s *Store) store.Snapshot {
	t.Helper()
	n, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// leftovers returns the directories of snapshots in the store's.
func leftovers(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	return filesLike(t, fs, "data", snapshotPrefix)
}

// A process that ends while there is a snapshot leaves a directory, which the next one
// removes.
func TestSnapshotOfAProcessThatEnds(t *testing.T) {
	d := fill(t)
	s := open(t, Options{FS: d.fs, Now: afternoon, tuning: busy})
	n := mustSnapshot(t, s)
	crashed := d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	if left := leftovers(t, crashed); len(left) != 1 {
		t.Fatalf("the crash left %q of the snapshot", left)
	}
	copied := restore(t, n)
	found, err := Inspect("data", Options{FS: copied, Now: afternoon, tuning: busy})
	if err != nil || len(found.Damage) > 0 {
		t.Errorf("the copy: %+v, %v", found, err)
	}
	equal(t, open(t, Options{FS: copied, Now: afternoon, tuning: busy}), d.oracle)
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	equal(t, open(t, Options{FS: crashed, Now: afternoon, tuning: busy}), d.oracle)
	for _, fs := range []vfs.FS{d.fs, crashed} {
		if left := leftovers(t, fs); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// A store that needs room ends the snapshots that keep it, and makes others once there is
// room again.
func TestSnapshotOnFullDisk(t *testing.T) {
	for name, hits := range map[string]func(errorfs.Op) bool{
		"journal":  func(op errorfs.Op) bool { return strings.HasSuffix(op.Path, journalSuffix) },
		"database": func(op errorfs.Op) bool { return !strings.HasSuffix(op.Path, journalSuffix) },
	} {
		t.Run(name, func(t *testing.T) {
			var full atomic.Bool
			fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
				if full.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) && hits(op) {
					return syscall.ENOSPC
				}
				return nil
			}))
			s := open(t, Options{FS: fs, tuning: busy})
			next, oracle := batches("a", 100), storetest.NewOracle()
			for range 10 {
				b := next()
				mustAppend(t, s, b)
				mustAppend(t, oracle, b)
			}
			n := mustSnapshot(t, s)
			format := n.Files()[0].Name
			full.Store(true)
			b := next()
			for ended := false; !ended; awaitTurn(t, s) {
				if _, err := s.Append(t.Context(), b); err == nil {
					mustAppend(t, oracle, b)
					b = next()
				}
				_, err := readSnapshot(n, format)
				if ended = errors.Is(err, store.ErrFull); err != nil && !ended {
					t.Fatal(err)
				}
			}
			if left := leftovers(t, fs); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if name == "database" {
				if _, err := s.Snapshot(t.Context()); !errors.Is(err, store.ErrFull) {
					t.Errorf("a snapshot of a store on a full disk: %v", err)
				}
			}
			full.Store(false)
			for {
				if _, err := s.Append(t.Context(), b); err == nil {
					break
				}
				awaitTurn(t, s)
			}
			mustAppend(t, oracle, b)
			for {
				again, err := s.Snapshot(t.Context())
				if errors.Is(err, store.ErrFull) { // another engine is not yet open
					awaitTurn(t, s)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				equal(t, open(t, Options{FS: restore(t, again), tuning: busy}), oracle)
				if err := again.Close(); err != nil {
					t.Error(err)
				}
				break
			}
			if left := leftovers(t, fs); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// Whatever of the disk fails while a snapshot is made, the snapshot fails and leaves
// nothing; the store goes on.
func TestSnapshotThatFails(t *testing.T) {
	d := fill(t)
	for failing := int64(1); ; failing++ {
		var calls atomic.Int64
		var on atomic.Bool
		mem := d.copy()
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if on.Load() && (strings.Contains(op.Path, snapshotPrefix) || op.Kind == errorfs.OpOpen) && op.Kind != errorfs.OpRemoveAll && calls.Add(1) == failing {
				return syscall.EIO
			}
			return nil
		}))
		s := open(t, Options{FS: fs, Now: afternoon, tuning: busy})
		on.Store(true)
		n, err := s.Snapshot(t.Context())
		on.Store(false)
		if err == nil && calls.Load() < failing {
			if failing < 10 {
				t.Errorf("a snapshot takes %d operations", failing)
			}
			n.Close()
			return
		}
		if err == nil { // it can do without
			equal(t, open(t, Options{FS: restore(t, n), Now: afternoon, tuning: busy}), d.oracle)
			n.Close()
		}
		if left := leftovers(t, mem); len(left) > 0 {
			t.Errorf("operation %d fails, %v: left %q", failing, err, left)
		}
		equal(t, s, d.oracle)
		s.Close()
	}
}

// What the store lost is marked in a copy, too, and damage that nothing has met yet is met
// there.
func TestSnapshotOfADamagedStore(t *testing.T) {
	d := fill(t)
	s := open(t, Options{FS: d.fs, Now: afternoon, tuning: busy})
	stopCompactions(t, s) // which might meet it
	for _, table := range filesLike(t, d.fs, "data/pebble", ".sst") {
		b, err := readFile(d.fs, table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was replaced, and is removed now
		}
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/3] ^= 4
		writeFile(t, d.fs, table, string(b))
	}
	before := mustSnapshot(t, s)
	unmet := restore(t, before)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := Inspect("data", Options{FS: unmet, Now: afternoon, tuning: busy})
	if err != nil || len(found.Damage) == 0 {
		t.Errorf("the copy of a damaged store: %+v, %v", found, err)
	}
	if _, err := Repair("data", Options{FS: d.fs, Now: afternoon, tuning: busy}); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{FS: d.fs, Now: afternoon, tuning: busy})
	lost := s.Lost(everything)
	if !lost.Damaged {
		t.Fatal("nothing is lost")
	}
	copied := open(t, Options{FS: restore(t, mustSnapshot(t, s)), Now: afternoon, tuning: busy})
	if got := copied.Lost(everything); got != lost {
		t.Errorf("the copy lost %+v, and the store %+v", got, lost)
	}
	equal(t, copied, s)
}

// stopCompactions waits for the one that runs, and lets no other start.
func stopCompactions(t testing.TB, s *Store) {
	t.Helper()
	c := s.engine.compact
	c.forbid()
	for running := true; running; awaitTurn(t, s) {
		c.mu.Lock()
		running = c.running
		c.mu.Unlock()
	}
}
