package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// snapshotter is a store whose snapshots have one file, or that fails.
type snapshotter struct {
	store.Store
	err error
}

func (s snapshotter) Snapshot(context.Context) (store.Snapshot, error) { return oneFile{}, s.err }

type oneFile struct{}

func (oneFile) Files() []store.File { return []store.File{{Name: "FORMAT", Size: 2}} }
func (oneFile) Close() error        { return nil }
func (oneFile) Open(name string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("of " + name)), nil
}

// Sessions that were ended are ended on a copy, too.
func TestSnapshotHasTheEndedSessions(t *testing.T) {
	if snapshotOf(storetest.NewOracle(), sessionsFile{}) != nil {
		t.Error("a store that cannot be copied can")
	}
	failed := errors.New("failed")
	if _, err := snapshotOf(snapshotter{err: failed}, sessionsFile{})(t.Context()); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	o := Options{Directory: t.TempDir()}
	for content, want := range map[string]string{
		"":        "FORMAT 2 of FORMAT\n",
		"1 one\n": "FORMAT 2 of FORMAT\nended-sessions 6 1 one\n\n",
	} {
		sessions := o.sessionsFile()
		if err := sessions.save(content); err != nil {
			t.Fatal(err)
		}
		n, err := snapshotOf(snapshotter{}, sessions)(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, f := range n.Files() {
			r, err := n.Open(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%s %d %s\n", f.Name, f.Size, b)
		}
		if got.String() != want {
			t.Errorf("with %q: got %q, want %q", content, got.String(), want)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}
