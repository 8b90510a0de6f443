package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

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

// Data of an earlier version is upgraded, and its program can no longer read it.
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
	if text, err := readFile(fs, "data/FORMAT"); string(text) != fmt.Sprintln(formatVersion) || err != nil {
		t.Errorf("FORMAT is %q, %v", text, err)
	}
}
