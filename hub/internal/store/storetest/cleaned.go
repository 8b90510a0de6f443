package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// testCleaned has names that another program may have stored. Two of them look the same
// once they are clean, so store.Cleaned answers with all that either has.
func testCleaned(t *testing.T, e Engine) {
	const turned, isolated, shown = "n\u202em", "n\u2066m", "n\uFFFDm"
	p := newPair(t, e)
	b := wire.NewBuilder()
	for i, name := range []string{turned, turned, isolated, "plain"} {
		b.Add(&wire.Request{
			Key:  wire.Key{Service: name, Endpoint: "/" + name, Method: "GET", Status: 200},
			User: name, Start: Noon - int64(i), Duration: time.Second,
		})
	}
	for i, name := range []string{turned, isolated, "plain"} {
		at := Noon - int64(i)
		b.AddHealth(wire.HealthResult{Service: name, Check: name, Status: health.Down, From: at, To: at, Reason: name, Details: `{"a":"` + name + `"}`})
	}
	p.append(t, b.Batch("a", 1))
	window := rollup.Window{From: Noon - day, To: Noon + day}
	for range 2 {
		s := store.Cleaned(p.store)
		// A raw name finds what is stored under it, and is shown clean.
		for name, want := range map[string]int{"": 4, shown: 3, "plain": 1, turned: 2, "n\uFFFD": 0} {
			filter := store.Filter{Service: name}
			got := 0
			for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: window, Filter: filter}) {
				if err != nil {
					t.Fatal(err)
				}
				got += int(r.Durations.Count())
				if r.Service != shown && r.Service != "plain" || r.Endpoint != "/"+r.Service {
					t.Errorf("got a rollup of %+q %+q", r.Service, r.Endpoint)
				}
			}
			if got != want {
				t.Errorf("rollups of %+q: got %d requests, want %d", name, got, want)
			}
			got = 0
			for r, err := range s.Requests(t.Context(), store.RequestQuery{Window: window, Filter: filter}) {
				if err != nil {
					t.Fatal(err)
				}
				got++
				if r.Service != shown && r.Service != "plain" || r.User != r.Service {
					t.Errorf("got a request of %+q by %+q", r.Service, r.User)
				}
			}
			if got != want {
				t.Errorf("requests of %+q: got %d, want %d", name, got, want)
			}
		}
		if got, want := healthNames(t, s, window), []string{shown + "/" + shown, "plain/plain"}; !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("names of health: got %+q, want %+q", got, want)
		}
		got := 0
		for r, err := range s.Health(t.Context(), store.HealthQuery{Window: window, Name: shown + "/" + shown}) {
			if err != nil {
				t.Fatal(err)
			}
			got++
			if r.Check != shown || r.Reason != shown {
				t.Errorf("got a health result of %+q: %+q", r.Check, r.Reason)
			}
		}
		if got != 2 {
			t.Errorf("health of %+q: got %d results, want 2", shown, got)
		}
		p.reopen(t)
	}
}
