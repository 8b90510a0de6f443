package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/snapshot"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// manyFiles is a snapshot of which the files from the nth on fail to open.
type manyFiles struct {
	n      int
	err    error
	closed *int
}

const snapshotFiles = 40

func (s manyFiles) Files() (files []store.File) {
	for i := range snapshotFiles {
		files = append(files, store.File{Name: fmt.Sprint("pebble/", i), Size: 100 << 10})
	}
	return files
}

func (s manyFiles) Open(name string) (io.ReadCloser, error) {
	if i, _ := strconv.Atoi(strings.TrimPrefix(name, "pebble/")); i >= s.n {
		return nil, s.err
	}
	return io.NopCloser(strings.NewReader(strings.Repeat("kymo", 25<<10))), nil
}

func (s manyFiles) Close() error {
	*s.closed++
	return nil
}

// A hub sends a whole snapshot, or one that the client notices is not.
func TestSnapshot(t *testing.T) {
	closed := 0
	var log strings.Builder
	for _, whole := range []bool{true, false} {
		n := snapshotFiles
		if !whole {
			n = 20
		}
		a := newAPI(storetest.NewOracle(), func(c *Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			c.Snapshot = func(context.Context) (store.Snapshot, error) {
				return manyFiles{n, store.ErrFull, &closed}, nil
			}
		})
		server := httptest.NewServer(a)
		for range 2 { // each gives its place back
			resp, err := http.Post(server.URL+"/api/v1/snapshot", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Content-Type") != snapshot.ContentType || h.Get(snapshot.SizeHeader) != fmt.Sprint(snapshotFiles*100<<10) {
				t.Errorf("%d, %v", resp.StatusCode, h)
			}
			d, err := snapshot.NewDraft(filepath.Join(t.TempDir(), "copy"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Receive(resp.Body, func(int64) {})
			if (err == nil) != whole || errors.As(err, new(*snapshot.CutError)) == whole || got.Files > n {
				t.Errorf("whole: %v; received %+v, %v", whole, got, err)
			}
			if err := errors.Join(resp.Body.Close(), d.Discard()); err != nil {
				t.Error(err)
			}
		}
		server.Close()
	}
	if closed != 4 {
		t.Errorf("%d of 4 snapshots were closed", closed)
	}
	if n := strings.Count(log.String(), "a snapshot was aborted"); n != 2 || !strings.Contains(log.String(), "pebble/20: store has no room left") {
		t.Errorf("said %d times that it was aborted: %s", n, &log)
	}
}

func TestSnapshotsThatCannotBe(t *testing.T) {
	for err, want := range map[error]string{
		store.ErrFull: "the store is full; try again", store.ErrClosed: "the hub is shutting down; try again",
		store.ErrDamaged: "a part of the store is damaged, which GET /health describes; try again", store.ErrUnavailable: "the store is unavailable; try again",
	} {
		a := newAPI(storetest.NewOracle(), func(c *Config) {
			c.Snapshot = func(context.Context) (store.Snapshot, error) { return nil, err }
		})
		w := ask(a, "POST /api/v1/snapshot", "")
		if p := problem(t, w, http.StatusServiceUnavailable); p.Detail != want || w.Header().Get("Retry-After") == "" {
			t.Errorf("%v: %s", err, p.Detail)
		}
		for range maxSnapshots {
			if !a.snapshots.take(t.Context(), nil) {
				t.Fatal("no slot")
			}
		}
		w = ask(a, "POST /api/v1/snapshot", "")
		if p := problem(t, w, http.StatusServiceUnavailable); p.Detail != "another snapshot is being sent; try again later" || w.Header().Get("Retry-After") == "" {
			t.Errorf("beside another: %s", p.Detail)
		}
	}
	a := newAPI(storetest.NewOracle(), nil)
	if p := problem(t, ask(a, "POST /api/v1/snapshot", ""), http.StatusNotImplemented); !strings.Contains(p.Detail, "pg_dump") {
		t.Errorf("of a server: %s", p.Detail)
	}
}
