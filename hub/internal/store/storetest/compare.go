package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// pair is the engine's store, and the oracle that gets the same data.
type pair struct {
	engine Engine
	store  store.Store
	oracle *Oracle
}

func newPair(t testing.TB, e Engine) *pair {
	p := &pair{engine: e, store: e.Open(t), oracle: NewOracle()}
	t.Cleanup(func() { p.store.Close() })
	return p
}

// reopen closes the engine's store and opens it again.
func (p *pair) reopen(t testing.TB) {
	t.Helper()
	if err := p.store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	p.store = p.engine.Open(t)
}

// append appends the batches to both, and compares which are new.
func (p *pair) append(t testing.TB, batches ...*wire.Batch) {
	t.Helper()
	want, err := p.oracle.Append(t.Context(), batches...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.store.Append(t.Context(), batches...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("append: new batches are %v, want %v", got, want)
	}
}

// prune prunes both.
func (p *pair) prune(t testing.TB, before int64) {
	t.Helper()
	if err := errors.Join(p.store.Prune(t.Context(), before), p.oracle.Prune(t.Context(), before)); err != nil {
		t.Fatalf("prune: %v", err)
	}
}

// compare compares the rollups bit for bit, and the requests that they count.
func (p *pair) compare(t testing.TB, q store.RollupQuery) {
	t.Helper()
	if got, want := Rollups(t, p.store, q), Rollups(t, p.oracle, q); !slices.Equal(got, want) {
		t.Fatalf("rollups of %+v:\n%s", q, difference(got, want))
	}
	p.compareRequests(t, store.RequestQuery{Window: q.Window, Filter: q.Filter})
}

func (p *pair) compareRequests(t testing.TB, q store.RequestQuery) {
	t.Helper()
	if got, want := Requests(t, p.store, q), Requests(t, p.oracle, q); !slices.Equal(got, want) {
		t.Fatalf("requests of %+v:\n%s", q, difference(got, want))
	}
}

// compareHealth compares the health results and names of both.
func (p *pair) compareHealth(t testing.TB, q store.HealthQuery) {
	t.Helper()
	if got, want := Health(t, p.store, q), Health(t, p.oracle, q); !slices.Equal(got, want) {
		t.Fatalf("health of %+v:\n%s", q, difference(got, want))
	}
	if got, want := healthNames(t, p.store, q.Window), healthNames(t, p.oracle, q.Window); !slices.Equal(got, want) {
		t.Fatalf("names of health in %+v: %q, want %q", q.Window, got, want)
	}
}

// Health returns a store's answer as lines, each with its histogram's bytes. It
// fails the test if they are out of order; those of one span, check and instance
// are sorted.
func Health(t testing.TB, s store.Store, q store.HealthQuery) []string {
	t.Helper()
	var lines []string
	last, key := "", ""
	for r, err := range s.Health(t.Context(), q) {
		if err != nil {
			t.Fatalf("health: %v", err)
		}
		if key = fmt.Sprintf("%020d\x00%s\x00%s", r.From, r.Name(), r.Instance); key < last {
			t.Fatalf("health: %q comes after %q", key, last)
		}
		last = key
		bytes := r.Latency.AppendBinary(nil)
		plain := *r
		plain.Latency = hist.Histogram{}
		lines = append(lines, fmt.Sprintf("%s %+v %x", key, plain, bytes))
	}
	slices.Sort(lines)
	return lines
}

func healthNames(t testing.TB, s store.Store, w rollup.Window) []string {
	t.Helper()
	var names []string
	for name, err := range s.HealthNames(t.Context(), w) {
		if err != nil {
			t.Fatalf("health names: %v", err)
		}
		names = append(names, name)
	}
	return names
}

// Rollups returns a store's answer as lines, sorted, with each histogram's bytes.
func Rollups(t testing.TB, s store.Store, q store.RollupQuery) []string {
	t.Helper()
	var lines []string
	last := int64(math.MinInt64)
	for r, err := range s.Rollups(t.Context(), q) {
		if err != nil {
			t.Fatalf("rollups: %v", err)
		}
		if r.Start < last {
			t.Fatalf("rollups: the step %d comes after %d", r.Start, last)
		}
		last = r.Start
		lines = append(lines, rollupLine(r))
	}
	slices.Sort(lines)
	return lines
}

func rollupLine(r *rollup.Rollup) string {
	return fmt.Sprintf("%d %+v n=%d dropped=%d %x", r.Start, r.Key, r.Durations.Count(), r.Dropped, r.Durations.AppendBinary(nil))
}

// Requests returns a store's answer as lines; those of one start, whose order
// is open, sorted. It fails the test if the starts are out of order.
func Requests(t testing.TB, s store.Store, q store.RequestQuery) []string {
	t.Helper()
	type line struct {
		start int64
		text  string
	}
	var lines []line
	for r, err := range s.Requests(t.Context(), q) {
		if err != nil {
			t.Fatalf("requests: %v", err)
		}
		if n := len(lines); n > 0 && lines[n-1].start > r.Start {
			t.Fatalf("requests: start %d comes after %d", r.Start, lines[n-1].start)
		}
		lines = append(lines, line{r.Start, fmt.Sprintf("%+v", *r)})
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.start, b.start), strings.Compare(a.text, b.text))
	})
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	return texts
}

// difference shows the first lines that only one side has.
func difference(got, want []string) string {
	var b strings.Builder
	only := func(title string, a, b2 []string) {
		shown := 0
		for _, line := range a {
			if _, found := slices.BinarySearch(b2, line); !found && shown < 5 {
				fmt.Fprintf(&b, "%s %.400s\n", title, line)
				shown++
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	fmt.Fprintf(&b, "%d lines, want %d\n", len(got), len(want))
	only("got ", got, want)
	only("want", want, got)
	return b.String()
}

// Batch returns a batch of n requests of one service that start from Noon on, one second
// apart, and belong to seven endpoints.
func Batch(instance string, sequence uint64, n int) *wire.Batch {
	b := wire.NewBuilder()
	for i := range n {
		b.Add(&wire.Request{
			Key: wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d/{id}", i%7), Method: "GET", Status: 200}, User: "u",
			Start: Noon + int64(i)*1000, Duration: time.Duration(sequence*1000 + uint64(i)),
		})
	}
	return b.Batch(instance, sequence)
}

// Same fails the test if two stores hold different requests, or sum them up
// differently.
func Same(t testing.TB, got, want store.Store) {
	t.Helper()
	if g, w := Rollups(t, got, all), Rollups(t, want, all); !slices.Equal(g, w) {
		t.Errorf("rollups:\n%s", difference(g, w))
	}
	if g, w := Requests(t, got, allRequests), Requests(t, want, allRequests); !slices.Equal(g, w) {
		t.Errorf("requests:\n%s", difference(g, w))
	}
	if g, w := Health(t, got, allHealth), Health(t, want, allHealth); !slices.Equal(g, w) {
		t.Errorf("health:\n%s", difference(g, w))
	}
}
