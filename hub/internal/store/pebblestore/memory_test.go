package pebblestore

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
)

// The columns of a memory that was written are used again, unless a query reads them.
func TestMemoryIsUsedAgain(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	next := batches("a", 100)
	columns := func() (first *int64) {
		err := s.do(t.Context(), func(c *committer) error {
			first = &c.recent.start[:1][0]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	stored := func() uint64 {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return s.state.segment
	}

	mustAppend(t, s, next())
	v, err := s.view(everything, store.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	held, before := &v.memory[0].start[0], slices.Clone(v.memory[0].start)
	for range 30 {
		mustAppend(t, s, next())
		if stored() > v.state.segment && columns() == held {
			t.Fatal("columns are used again while a query reads them")
		}
	}
	if !slices.Equal(v.memory[0].start, before) {
		t.Error("what a query reads was changed")
	}
	if err := v.close(); err != nil {
		t.Fatal(err)
	}

	seen := make(map[*int64]bool)
	for range 200 {
		mustAppend(t, s, next())
		seen[columns()] = true
	}
	if len(seen) > 20 {
		t.Errorf("%d memories of 50 have columns of their own", len(seen))
	}
}
