package pebblestore

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// A disk refuses forever from some operation on while a store is opened. Open ends, and so
// does Close if the store could be opened, and nothing is lost.
func TestOpenOnRefusingDisk(t *testing.T) {
	before, oracle := vfs.NewCrashableMem(), storetest.NewOracle()
	s := open(t, Options{FS: before, tuning: busy})
	next := batches("a", 100)
	for range 8 { // some are in tables then, and some in the journal
		b := next()
		mustAppend(t, s, b)
		mustAppend(t, oracle, b)
	}
	step := int64(1)
	if testing.Short() {
		step = 3
	}
	writes := func(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }
	syncs := func(op errorfs.Op) bool {
		return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	}
	directories := func(op errorfs.Op) bool { return syncs(op) && !strings.Contains(op.Path, ".") }
	creates := func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate }
	for name, hits := range map[string]func(errorfs.Op) bool{
		"every write": writes, "every sync": syncs, "every sync of a directory": directories, "every new file": creates,
	} {
		for at, refused := int64(1), true; refused; at += step {
			crashed := before.CrashClone(vfs.CrashCloneCfg{})
			var count atomic.Int64
			fs := errorfs.Wrap(crashed, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if hits(op) && !strings.HasSuffix(op.Path, "LOCK") && count.Add(1) >= at {
					return syscall.EIO
				}
				return nil
			}))
			if s, err := Open("data", Options{FS: fs, tuning: busy}); err == nil {
				_ = s.Close()
			}
			refused = count.Load() >= at
			again := open(t, Options{FS: crashed, tuning: busy})
			equal(t, again, oracle)
			if err := again.Close(); err != nil {
				t.Fatalf("%s fails from the %d. on: %v", name, at, err)
			}
		}
	}
}

// Pebble tries a flush that fails again at once. If Open waits for it, both end.
func TestOpenEndsItsFlush(t *testing.T) {
	mem := vfs.NewMem()
	opts := newEngine(mem).options()
	opts.DisableWAL = false // so that there is something to flush
	db, err := pebble.Open("data", opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte("a"), nil, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, tableSuffix) {
			return syscall.EIO
		}
		return nil
	}))
	e := newEngine(fs)
	e.ends = true
	if err := e.open("data", e.options()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("open: %v, want %v", err, syscall.EIO)
	}
	if err := e.close(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("close: %v, want %v", err, syscall.EIO)
	}
}

// A flush that has nothing to write makes no new file. If the directory cannot be synced,
// Pebble retries at once, which must not take a whole processor.
func TestFlushOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on atomic.Bool
		var syncs atomic.Int64
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if on.Load() && op.Kind == errorfs.OpFileSync && op.Path == "data" && syncs.Add(1) < 1000 {
				return syscall.EIO
			}
			return nil
		}))
		cache := pebble.NewCache(1 << 20)
		defer cache.Unref()
		e, err := openEngine(fs, "data", cache, true, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := committer{Store: &Store{fs: fs}}
		if err := c.writeTable("new.sst", map[string][]byte{"a": nil}); err != nil {
			t.Fatal(err)
		}
		on.Store(true)
		if err := e.db.Ingest(t.Context(), []string{"new.sst"}); !errors.Is(err, syscall.EIO) {
			t.Fatalf("ingest: %v, want %v", err, syscall.EIO)
		}
		if err := e.flush(); !errors.Is(err, syscall.EIO) {
			t.Fatalf("flush: %v, want %v", err, syscall.EIO)
		}
		time.Sleep(time.Second)
		if n := syncs.Load(); n != 2 {
			t.Errorf("the directory was synced %d times, want once by the ingestion and once by the flush", n)
		}
		_ = e.close() // It returns, with the error of what could not be written.
	})
}

// A disk is full, or fails, while a store is closed: that is no error, since what the database
// lacks is in the journal, and the log says so.
func TestCloseOnRefusingDisk(t *testing.T) {
	for name, test := range map[string]struct {
		begins func(errorfs.Op) bool // what the disk refuses begins with this operation
		hits   func(errorfs.Op) bool
	}{
		"no table": {func(errorfs.Op) bool { return true }, func(op errorfs.Op) bool {
			return strings.HasSuffix(op.Path, tableSuffix)
		}},
		"nothing once all tables are written": {func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpRemove && strings.HasSuffix(op.Path, journalSuffix)
		}, func(op errorfs.Op) bool { return strings.Contains(op.Path, databaseDir+"/") }},
	} {
		t.Run(name, func(t *testing.T) {
			var closing, refusing atomic.Bool
			var refused atomic.Int64
			mem, oracle := vfs.NewCrashableMem(), storetest.NewOracle()
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if closing.Load() && test.begins(op) {
					refusing.Store(true)
				}
				if refusing.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && test.hits(op) {
					refused.Add(1)
					return syscall.ENOSPC
				}
				return nil
			}))
			var log strings.Builder
			s := open(t, Options{FS: fs, tuning: busy, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			next := batches("a", 100)
			for range 5 {
				b := next()
				mustAppend(t, s, b)
				mustAppend(t, oracle, b)
			}
			closing.Store(true)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if refused.Load() == 0 {
				t.Fatal("the disk had nothing to refuse")
			}
			if !strings.Contains(log.String(), "nothing that was acknowledged is lost") {
				t.Errorf("no warning in the log: %s", log.String())
			}
			equal(t, open(t, Options{FS: mem.CrashClone(vfs.CrashCloneCfg{}), tuning: busy}), oracle)
		})
	}
}
