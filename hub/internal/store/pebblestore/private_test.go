package pebblestore

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// TestOthersSeeNothing: only the owner has access to what a store creates, whatever the
// umask.
func TestOthersSeeNothing(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "a", "data")
	for run := range 2 { // the second time with what is there already
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := wire.NewBuilder()
		b.Add(&wire.Request{Key: wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200}, Start: time.Now().UnixMilli()})
		mustAppend(t, s, b.Batch("a", uint64(run)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(privateFile)
		if entry.IsDir() {
			want = privateDir
		} else {
			files++
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
	if othersMayRead(dir) {
		t.Error("others may read it")
	}
}

// TestAnOpenDirectoryStaysAsItIs: its mode does not change, and the log has a warning.
func TestAnOpenDirectoryStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[fs.FileMode]bool{0o700: false, 0o750: false, 0o755: true, 0o701: true} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(dir)
		var log strings.Builder
		WarnOfReaders(dir, slog.New(slog.NewTextHandler(&log, nil)))
		if strings.Contains(log.String(), "directory="+dir) != want {
			t.Errorf("mode %o: %s", mode, log.String())
		}
		if err != nil || info.Mode().Perm() != mode || othersMayRead(dir) != want {
			t.Errorf("mode %o became %o, %v; others may read: %v", mode, info.Mode().Perm(), err, othersMayRead(dir))
		}
	}
	if othersMayRead(filepath.Join(dir, "absent")) {
		t.Error("others may read what is not there")
	}
}
