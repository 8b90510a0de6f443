package reload

import (
	"path/filepath"
	"testing"
	"time"
)

// A busy file in the same directory does not keep the change of another from being seen.
func TestWatchBesideABusyFile(t *testing.T) {
	dir := t.TempDir()
	path, busy := filepath.Join(dir, "kymo.yaml"), filepath.Join(dir, "busy")
	write(t, path, "first")
	w, err := WatchFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	write(t, path, "second")
	limit := time.After(30 * time.Second)
	for tick := time.Tick(10 * time.Millisecond); ; {
		select {
		case <-w.Changed():
			return
		case <-limit:
			t.Fatal("the change was not seen")
		case <-tick:
			write(t, busy, "again")
		}
	}
}
