package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/kymohq/kymo/hub/internal/snapshot"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// directory is a snapshot of all files in a directory, which no hub has open.
type directory string

func (d directory) Files() (files []store.File) {
	files = []store.File{{Name: "journal/"}}
	for _, pattern := range []string{"FORMAT", "journal/*", "pebble/*"} {
		names, _ := filepath.Glob(filepath.Join(string(d), pattern))
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				panic(err)
			}
			name, _ = filepath.Rel(string(d), name)
			files = append(files, store.File{Name: filepath.ToSlash(name), Size: info.Size()})
		}
	}
	return files
}

func (d directory) Open(name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), filepath.FromSlash(name)))
}

func (directory) Close() error { return nil }

// aStore returns a closed store with a few requests.
func aStore(t *testing.T) directory {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), someRequests(300))
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return directory(dir)
}

// sending starts a server that sends a snapshot.
func sending(t *testing.T, s store.Snapshot) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", snapshot.ContentType)
		if snapshot.Write(w, s) != nil {
			_ = http.NewResponseController(w).Flush() // so that there is an answer
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A copy of damaged files is there, and the command says so.
func TestSnapshotOfDamagedFiles(t *testing.T) {
	dir := aStore(t)
	tables, err := filepath.Glob(filepath.Join(string(dir), "pebble", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	b, err := os.ReadFile(tables[0])
	if err == nil {
		b[len(b)/3] ^= 1
		err = os.WriteFile(tables[0], b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	r := runKymo(t, nil, "snapshot", "--hub", sending(t, dir), copied)
	r.expect(t, exitBadNews, "kymo: the hub's store is damaged, and so is its copy (pebble/")
	r.expect(t, exitBadNews, filepath.Base(tables[0])+" cannot be read in part); run: kymo repair "+copied+"\n")
	if _, err := os.Stat(filepath.Join(copied, "FORMAT")); err != nil {
		t.Error(err)
	}
}

// A copy that this program cannot check, or that is not whole, is not there.
func TestSnapshotsThatAreNotKept(t *testing.T) {
	newer := aStore(t)
	if err := os.WriteFile(filepath.Join(string(newer), "FORMAT"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]store.Snapshot{
		" is newer than this command; use its own version of kymo":                                  newer,
		"kymo: the copy cannot be read: ":                                                           nothing{},
		" ended the copy before it was whole (unexpected EOF); its log has the reason; run the com": cutOff{aStore(t)},
	} {
		parent := t.TempDir()
		r := runKymo(t, nil, "snapshot", "--hub", sending(t, s), filepath.Join(parent, "copy"))
		r.expect(t, exitFailed, want)
		if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}

// nothing is a snapshot without files.
type nothing struct{ store.Snapshot }

func (nothing) Files() []store.File { return nil }

// cutOff is a snapshot of which the last file cannot be read.
type cutOff struct{ directory }

func (c cutOff) Open(name string) (io.ReadCloser, error) {
	if files := c.Files(); name == files[len(files)-1].Name {
		return nil, store.ErrFull
	}
	return c.directory.Open(name)
}
