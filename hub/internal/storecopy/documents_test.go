package storecopy

import (
	"fmt"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// What was added over the API is copied, unless the target has it newer. What the target
// alone has stays.
func TestCopyOfDocuments(t *testing.T) {
	open := func() *pebblestore.Store {
		s, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	from, to := open(), open()
	at := time.UnixMilli(storetest.Noon).UTC()
	put := func(s *pebblestore.Store, name, text string, updated time.Time) {
		t.Helper()
		if err := s.PutDocument(t.Context(), &store.Document{Kind: "check", Name: name, JSON: fmt.Appendf(nil, "%q", text), Created: at, Updated: updated}); err != nil {
			t.Fatal(err)
		}
	}
	put(from, "new", "from", at)
	put(from, "newer there", "from", at)
	put(from, "older there", "from", at.Add(time.Second))
	put(from, "the same", "from", at)
	put(to, "newer there", "to", at.Add(time.Second))
	put(to, "older there", "to", at)
	put(to, "the same", "from", at)
	put(to, "there alone", "to", at)
	for again, want := range []int64{2, 0} {
		c := newCopying(from, to)
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.copied.Documents != want {
			t.Errorf("run %d copied %d documents, want %d", again, c.copied.Documents, want)
		}
		all, err := to.Documents(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range all {
			got += fmt.Sprintf("%s: %s %s; ", d.Name, d.JSON, d.Updated.Sub(at))
		}
		if want := `new: "from" 0s; newer there: "to" 1s; older there: "from" 1s; the same: "from" 0s; there alone: "to" 0s; `; got != want {
			t.Errorf("there is %s, want %s", got, want)
		}
	}
	// A store without documents has none to copy, and takes none.
	for _, c := range []*copying{newCopying(storetest.NewOracle(), to), newCopying(from, storetest.NewOracle())} {
		if err := c.run(t.Context()); err != nil || c.copied.Documents != 0 {
			t.Errorf("%+v, %v", c.copied, err)
		}
	}
}
