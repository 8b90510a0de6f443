package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// shelf is the documents of a store, and those that must be there, by kind and name.
type shelf struct {
	pair *pair
	want map[[2]string]store.Document
}

func (s *shelf) store() store.Documenter { return s.pair.store.(store.Documenter) }

func (s *shelf) put(t *testing.T, kind, name, body string, created, updated time.Time) {
	t.Helper()
	d := store.Document{Kind: kind, Name: name, Created: created, Updated: updated, JSON: []byte(body)}
	if err := s.store().PutDocument(t.Context(), &d); err != nil {
		t.Fatalf("put %s/%s: %v", kind, name, err)
	}
	d.Created, d.Updated = created.UTC().Truncate(time.Millisecond), updated.UTC().Truncate(time.Millisecond)
	s.want[[2]string{kind, name}] = d
}

func (s *shelf) delete(t *testing.T, kind, name string) {
	t.Helper()
	if err := s.store().DeleteDocument(t.Context(), kind, name); err != nil {
		t.Fatalf("delete %s/%s: %v", kind, name, err)
	}
	delete(s.want, [2]string{kind, name})
}

// check compares what the store has of a kind with what it must have.
func (s *shelf) check(t *testing.T, kinds ...string) {
	t.Helper()
	for _, kind := range append(kinds, "") {
		want := slices.Collect(maps.Values(s.want))
		want = slices.DeleteFunc(want, func(d store.Document) bool { return kind != "" && d.Kind != kind })
		store.SortDocuments(want)
		got, err := s.store().Documents(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		if show(got) != show(want) {
			t.Errorf("documents of kind %q:\n%s\nwant:\n%s", kind, show(got), show(want))
		}
	}
}

func show(all []store.Document) string {
	var b strings.Builder
	for _, d := range all {
		fmt.Fprintf(&b, "%q %q %d %d %.300q\n", d.Kind, d.Name, d.Created.UnixNano(), d.Updated.UnixNano(), d.JSON)
	}
	return b.String()
}

func testDocuments(t *testing.T, e Engine) {
	p := newPair(t, e)
	s := &shelf{p, make(map[[2]string]store.Document)}
	s.check(t, "check")
	at := time.UnixMilli(Noon).Add(123456 * time.Microsecond)
	zoned := at.In(time.FixedZone("", 9*3600))
	// What is kept is what was given, byte for byte.
	s.put(t, "check", "database", "{ \"url\" : \"postgres://a:b@c/d\",\n\t\"b\": 1.0e+00, \"b\":\"<&>\" }", at, zoned)
	s.put(t, "check", "Größe ✓ 'quoted' \"twice\" \\", `["\u0000", "ünï", "\ud83d\ude00", "'", "\\"]`, at, at.Add(time.Hour))
	s.put(t, "check", "Z", `1`, at, at)
	s.put(t, "check", "a", `null`, at, at)
	s.put(t, "note", "database", `"another kind"`, at.Add(-40*365*24*time.Hour), at)
	s.put(t, "note", "large", `"`+strings.Repeat("x", store.MaxDocument-2)+`"`, at, at)
	s.check(t, "check", "note", "other")
	// The later one counts, even if its time is earlier.
	s.put(t, "check", "database", `{"second": true}`, at, at.Add(-time.Hour))
	s.delete(t, "check", "a")
	s.delete(t, "check", "a")
	s.delete(t, "check", "never there")
	s.delete(t, "other", "Z")
	s.check(t, "check", "note", "other")
	p.reopen(t)
	s.check(t, "check", "note")
	// One that was deleted can come again, and documents do not grow old.
	s.put(t, "check", "a", `{"again": 1}`, at, at.Add(-2*time.Hour))
	g := newGenerator(14)
	p.append(t, g.batch("a", 100, g.around(Noon, hour)))
	p.prune(t, Noon+30*day)
	p.reopen(t)
	s.check(t, "check", "note")
	for name, d := range map[string]store.Document{
		"no name": {Kind: "check", JSON: []byte(`1`)}, "no kind": {Name: "a", JSON: []byte(`1`)},
		"no JSON": {Kind: "check", Name: "b", JSON: []byte(`{`)}, "no text": {Kind: "check", Name: "b", JSON: []byte("\"\xff\"")},
		"too large":   {Kind: "check", Name: "b", JSON: []byte(`"` + strings.Repeat("x", store.MaxDocument) + `"`)},
		"unprintable": {Kind: "check", Name: "a\nb", JSON: []byte(`1`)},
	} {
		if err := s.store().PutDocument(t.Context(), &d); err == nil {
			t.Errorf("a document with %s was kept", name)
		}
	}
	s.check(t, "check")
	s.writeTogether(t, at)
	s.check(t)
	s.addTogether(t, at)
	s.check(t)
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	d := store.Document{Kind: "check", Name: "late", JSON: []byte(`1`)}
	wantClosed(t, "put a document", s.store().PutDocument(t.Context(), &d))
	wantClosed(t, "delete a document", s.store().DeleteDocument(t.Context(), "check", "a"))
	if _, err := s.store().Documents(t.Context(), ""); !errors.Is(err, store.ErrClosed) {
		t.Errorf("documents once closed: %v, want store.ErrClosed", err)
	}
}

// writeTogether puts documents of different names at once: none may get lost.
func (s *shelf) writeTogether(t *testing.T, at time.Time) {
	t.Helper()
	var writers sync.WaitGroup
	for i := range 4 {
		d := store.Document{Kind: "together", Name: fmt.Sprint(i), Created: at.Truncate(time.Millisecond).UTC(), Updated: at.Truncate(time.Millisecond).UTC(), JSON: fmt.Append(nil, i)}
		s.want[[2]string{d.Kind, d.Name}] = d
		writers.Go(func() {
			if err := s.store().PutDocument(t.Context(), &d); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
}

// addTogether adds documents of the same name at once: the one that was reported as kept
// stays.
func (s *shelf) addTogether(t *testing.T, at time.Time) {
	t.Helper()
	at = at.UTC().Truncate(time.Millisecond)
	for i := range 10 {
		name := fmt.Sprint("alone ", i)
		var mu sync.Mutex
		var told []store.Document
		var writers sync.WaitGroup
		for j := range 3 {
			d := store.Document{Kind: "check", Name: name, Created: at, Updated: at, JSON: fmt.Append(nil, j)}
			writers.Go(func() {
				added, err := s.store().AddDocument(t.Context(), &d)
				if err != nil {
					t.Error(err)
				}
				if added {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, d)
				}
			})
		}
		writers.Wait()
		all, err := s.store().Documents(t.Context(), "check")
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(all, func(d store.Document) bool { return d.Name == name })
		if at < 0 || len(told) != 1 || string(told[0].JSON) != string(all[at].JSON) {
			t.Errorf("%s: told %s, and there is:\n%s", name, show(told), show(all))
			continue
		}
		s.want[[2]string{"check", name}] = all[at]
		other := all[at]
		other.JSON = []byte(`"other"`)
		if added, err := s.store().AddDocument(t.Context(), &other); added || err != nil {
			t.Errorf("%s was added again: %v, %v", name, added, err)
		}
		if i%2 == 0 {
			s.delete(t, "check", name)
			if added, err := s.store().AddDocument(t.Context(), &other); !added || err != nil {
				t.Errorf("%s was not added once it was deleted: %v, %v", name, added, err)
			}
			s.want[[2]string{"check", name}] = other
		}
	}
}
