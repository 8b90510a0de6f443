package pebblestore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Engine {
		fs := vfs.NewMem()
		return storetest.Engine{Open: func(t testing.TB) store.Store { return open(t, fs) }}
	})
}

func TestConformanceOnDisk(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Engine {
		dir := t.TempDir()
		return storetest.Engine{Open: func(t testing.TB) store.Store {
			s, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}}
	})
}

// open opens a store in the file system's folder "data", to be closed with the test.
func open(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("data", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
