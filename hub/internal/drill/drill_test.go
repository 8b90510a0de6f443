package drill

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/wire"
)

const hour = int64(3_600_000)

// noon is some instant; the stores are given nothing but what lies around it.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli()

// sample is requests as a service has them: most of them lately, a burst within a
// second, many that are equal in start and duration, few errors and few slow ones.
func sample(n int) []wire.Request {
	r := rand.New(rand.NewPCG(3, 5))
	var all []wire.Request
	for i := range n {
		q := wire.Request{
			Key: wire.Key{
				Service: fmt.Sprintf("s%d", r.IntN(2)), Endpoint: fmt.Sprintf("/e%d", r.IntN(3)), Method: "GET", Status: 200,
			},
			Start:    noon - int64(r.ExpFloat64()*float64(6*hour)),
			Duration: time.Duration(math.Exp(r.NormFloat64()) * 2e7),
			Size:     int64(i),
		}
		switch {
		case i%3 == 0:
			q.Start = noon - 3*hour + int64(r.IntN(40)) // the burst
			q.Duration = time.Duration(1+r.IntN(3)) * time.Millisecond
		case i%97 == 0:
			q.Status = 500 + r.IntN(4)
		case i%31 == 0:
			q.Status = 404
		}
		if r.IntN(4) > 0 {
			q.User = fmt.Sprintf("u%d", int(r.ExpFloat64()*5))
		}
		all = append(all, q)
	}
	return all
}

// stores are an oracle and the embedded store, with the same requests.
func stores(t *testing.T, requests []wire.Request) map[string]store.Store {
	t.Helper()
	embedded, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	all := map[string]store.Store{"oracle": storetest.NewOracle(), "embedded": embedded}
	for _, st := range all {
		fill(t, st, requests)
	}
	return all
}

func fill(t *testing.T, st store.Store, requests []wire.Request) {
	t.Helper()
	b := wire.NewBuilder()
	for i, part := range slices.Collect(slices.Chunk(requests, 5000)) {
		for k := range part {
			b.Add(&part[k])
		}
		if _, err := st.Append(t.Context(), b.Batch("test", uint64(i+1))); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
}

// expected is what a filter selects, in the order.
func expected(requests []wire.Request, f *Filter, o order) []store.Record {
	var want []store.Record
	for i := range requests {
		r := store.Record{Request: requests[i], Instance: "test"}
		if f.Contains(r.Start) && f.Selects(&r.Key) && f.matches(&r) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b store.Record) int { return o(&a, &b) })
	return want
}

var window = rollup.Window{From: noon - 30*hour - 1234, To: noon - 777}

var filters = map[string]Filter{
	"all":              {Query: store.Query{Window: window}},
	"errors":           {Query: store.Query{Window: window}, Statuses: [2]int{500, 599}},
	"one code":         {Query: store.Query{Window: window}, Statuses: [2]int{404, 404}},
	"long":             {Query: store.Query{Window: window}, Least: 150 * time.Millisecond},
	"user":             {Query: store.Query{Window: window}, User: "u2"},
	"everything":       {Query: store.Query{Window: window, Service: "s1", Endpoint: "/e2", Method: "GET"}, User: "u1", Statuses: [2]int{200, 299}, Least: time.Millisecond},
	"nobody":           {Query: store.Query{Window: window}, User: "nobody"},
	"no service":       {Query: store.Query{Window: window, Service: "none"}},
	"within the burst": {Query: store.Query{Window: rollup.Window{From: noon - 3*hour + 3, To: noon - 3*hour + 17}}},
	"nothing":          {Query: store.Query{Window: rollup.Window{From: noon, To: noon}}},
}

type finder func(context.Context, store.Store, Filter, Position, int, Budget) (*Page, error)

// pages returns all pages, one after the other.
func pages(t *testing.T, st store.Store, find finder, f Filter, limit int, b Budget) (all []store.Record, n int, complete bool) {
	t.Helper()
	at := Position{}
	complete = true
	for {
		p, err := find(t.Context(), st, f, at, limit, b)
		if err != nil {
			t.Fatal(err)
		}
		n++
		complete = complete && p.Complete
		all = append(all, p.Records...)
		if len(p.Records) > limit {
			t.Fatalf("a page of %d; the limit is %d", len(p.Records), limit)
		}
		if p.Next == nil {
			return all, n, complete
		}
		if *p.Next == at {
			t.Fatalf("page %d does not go on from %+v", n, at)
		}
		at = *p.Next
	}
}

func same(t *testing.T, what string, got, want []store.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d requests, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%s: request %d is %+v, want %+v", what, i, got[i], want[i])
		}
	}
}

// All pages together are all that matches, in order.
func TestPagesAreEverything(t *testing.T) {
	requests := sample(40_000)
	for name, st := range stores(t, requests) {
		for filter, f := range filters {
			for _, o := range []struct {
				name  string
				find  finder
				order order
			}{{"newest", Newest, newest}, {"slowest", Slowest, slowest}} {
				want := expected(requests, &f, o.order)
				limit := max(7, len(want)/6)
				if filter == "within the burst" {
					limit = 50 // a page ends among requests that are all equal
				}
				got, n, complete := pages(t, st, o.find, f, limit, Budget{})
				what := fmt.Sprintf("%s, %s, %s", name, filter, o.name)
				same(t, what, got, want)
				if !complete || n > 1+len(want)/limit {
					t.Errorf("%s: complete %v, in %d pages of %d", what, complete, n, limit)
				}
			}
		}
	}
}
