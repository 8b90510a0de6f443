package reload

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A busy file in the same directory does not keep the change of another from being seen.
func TestWatchBesideABusyFile(t *testing.T) {
	dir := t.TempDir()
	path, busy := filepath.Join(dir, "kymo.yaml"), filepath.Join(dir, "busy")
	write(t, path, "first")
	w, err := WatchFile(path, quiet)
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

// logged receives the lines of a log.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// A directory that was removed is not watched, which is logged, until there is one again.
func TestWatchOfADirectoryThatGoes(t *testing.T) {
	parent := t.TempDir()
	dir, target := filepath.Join(parent, "etc"), filepath.Join(parent, "kymo.yaml")
	write(t, target, "first")
	link := func() {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Symlink(target, filepath.Join(dir, "kymo.yaml"))); err != nil {
			t.Fatal(err)
		}
	}
	link()
	log := make(logged, 10)
	w, err := WatchFile(filepath.Join(dir, "kymo.yaml"), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if line := <-log; !strings.Contains(line, "may no longer be noticed") {
		t.Error(line)
	}
	<-w.Changed()
	link()
	<-w.Changed()
	if len(log) > 0 {
		t.Error(<-log)
	}
}
