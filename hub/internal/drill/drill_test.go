package drill

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
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
	"github.com/kymohq/kymo/internal/wire"
)

const hour = int64(3_600_000)

// noon is an arbitrary instant, around which all requests of the stores are.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC).UnixMilli()

// sample returns realistic requests: most of them recent, a burst within a second, many
// with equal start and duration, few errors and few slow ones.
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

// expected returns the requests that a filter selects, in the order.
func expected(requests []wire.Request, f *Filter, o order) []store.Record {
	var want []store.Record
	for i := range requests {
		r := requests[i]
		r.Instance = "test"
		if f.Matches(&r) && f.status(r.Status) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(a, b store.Record) int { return o(&a, &b) })
	return want
}

var window = rollup.Window{From: noon - 30*hour - 1234, To: noon - 777}

var filters = map[string]Filter{
	"all":              {RequestQuery: store.RequestQuery{Window: window}},
	"errors":           {RequestQuery: store.RequestQuery{Window: window}, Statuses: [2]int{500, 599}},
	"one code":         {RequestQuery: store.RequestQuery{Window: window}, Statuses: [2]int{404, 404}},
	"long":             {RequestQuery: store.RequestQuery{Window: window, MinDuration: 150 * time.Millisecond}},
	"user":             {RequestQuery: store.RequestQuery{Window: window, User: "u2"}},
	"everything":       {RequestQuery: store.RequestQuery{Window: window, Filter: store.Filter{Service: "s1", Endpoint: "/e2", Method: "GET"}, User: "u1", MinDuration: time.Millisecond}, Statuses: [2]int{200, 299}},
	"nobody":           {RequestQuery: store.RequestQuery{Window: window, User: "nobody"}},
	"no service":       {RequestQuery: store.RequestQuery{Window: window, Filter: store.Filter{Service: "none"}}},
	"within the burst": {RequestQuery: store.RequestQuery{Window: rollup.Window{From: noon - 3*hour + 3, To: noon - 3*hour + 17}}},
	"nothing":          {RequestQuery: store.RequestQuery{Window: rollup.Window{From: noon, To: noon}}},
}

type finder func(context.Context, store.Store, Filter, Position, int, Budget) (*Page, error)

// pages returns all pages, one after another.
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
	requests := sample(storetest.Volume(40_000))
	for name, st := range stores(t, requests) {
		for filter, f := range filters {
			if name == "oracle" && filter != "errors" { // it looks at everything each time
				continue
			}
			for _, o := range []struct {
				name  string
				find  finder
				order order
			}{{"newest", Newest, newest}, {"slowest", Slowest, slowest}} {
				want := expected(requests, &f, o.order)
				limit := max(7, len(want)/6)
				if filter == "within the burst" {
					limit = 500 // a page ends among requests that are all equal
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

// A budget ends a page of the newest requests early, and the next page continues there.
func TestNewestWithinABudget(t *testing.T) {
	requests := sample(40_000)
	st := stores(t, requests)["embedded"]
	for name, b := range map[string]Budget{"rows": {Rows: 5000}, "parts": {Parts: 3}} {
		f := filters["errors"]
		want := expected(requests, &f, newest)
		got, n, complete := pages(t, st, Newest, f, 1000, b)
		same(t, name, got, want)
		if complete || n < 3 {
			t.Errorf("%s: complete %v in %d pages", name, complete, n)
		}
		p, err := Newest(t.Context(), st, f, Position{}, 1000, b)
		if err != nil || p.Complete || p.Reached <= f.From || p.Reached >= f.To || p.Scanned == 0 {
			t.Errorf("%s: %+v, %v", name, p.Effort, err)
		}
		for _, r := range want {
			if (r.Start >= p.Reached) != slices.Contains(p.Records, r) {
				t.Fatalf("%s: the page reached %d, and has it wrong about %+v", name, p.Reached, r)
			}
		}
	}
}

// Within a budget, the slowest requests are those that are certain, or if there are none,
// the slowest of those that were read.
func TestSlowestWithinABudget(t *testing.T) {
	requests := sample(40_000)
	st := stores(t, requests)["embedded"]
	f := filters["all"]
	want := expected(requests, &f, slowest)
	p, err := Slowest(t.Context(), st, f, Position{}, 500, Budget{Parts: 8})
	if err != nil || p.Complete || p.Next == nil || len(p.Records) == 0 || len(p.Records) == 500 {
		t.Fatalf("%d requests, next %v, %+v, %v", len(p.Records), p.Next, p.Effort, err)
	}
	same(t, "certain", p.Records, want[:len(p.Records)])
	next, err := Slowest(t.Context(), st, f, *p.Next, 100, Budget{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "next", next.Records, want[len(p.Records):][:100])

	f.User = "nobody"
	if p, err = Slowest(t.Context(), st, f, Position{}, 10, Budget{Parts: 2}); err != nil || p.Complete || p.Next != nil || len(p.Records) > 0 {
		t.Errorf("nobody: %+v, %v", p, err)
	}
	f.User = "u1"
	if p, err = Slowest(t.Context(), st, f, Position{}, 10, Budget{Rows: 1}); err != nil || p.Complete || p.Next != nil && len(p.Records) == 0 {
		t.Errorf("u1: %+v, %v", p, err)
	}
}

// Requests that arrive later, whether newer or older, do not change later pages.
func TestPagesStayAsNewRequestsCome(t *testing.T) {
	requests := sample(5000)
	st := stores(t, requests)["embedded"]
	f := filters["all"]
	want := expected(requests, &f, newest)
	first, err := Newest(t.Context(), st, f, Position{}, 1000, Budget{})
	if err != nil {
		t.Fatal(err)
	}
	b := wire.NewBuilder()
	for i := range 100 {
		r := requests[i]
		r.Start = first.Records[0].Start + int64(i)
		b.Add(&r)
	}
	if _, err := st.Append(t.Context(), b.Batch("later", 1)); err != nil {
		t.Fatal(err)
	}
	second, err := Newest(t.Context(), st, f, *first.Next, 1000, Budget{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "second page", second.Records, want[1000:2000])
}

func TestTopUsers(t *testing.T) {
	requests := sample(storetest.Volume(40_000))
	for name, st := range stores(t, requests) {
		f := filters["all"]
		u, err := TopUsers(t.Context(), st, f, 5, Budget{})
		if err != nil {
			t.Fatal(err)
		}
		byName := make(map[string]*User)
		for _, r := range expected(requests, &f, newest) {
			if byName[r.User] == nil {
				byName[r.User] = &User{Name: r.User, Last: r.Start}
			}
			x := byName[r.User]
			x.Requests++
			x.Sum += float64(r.Duration)
			x.Longest = max(x.Longest, r.Duration)
			if r.Status >= 500 {
				x.Errors++
			}
		}
		anonymous := byName[""].Requests
		delete(byName, "")
		want := slices.SortedFunc(maps.Values(byName), func(a, b *User) int { return int(b.Requests) - int(a.Requests) })[:5]
		for i, x := range u.Users {
			if x != *want[i] {
				t.Errorf("%s: user %d is %+v, want %+v", name, i, x, *want[i])
			}
		}
		if len(u.Users) != 5 || u.Anonymous != anonymous || !u.Complete || u.Reached != f.From {
			t.Errorf("%s: %d users, %d anonymous, %+v; want %d", name, len(u.Users), u.Anonymous, u.Effort, anonymous)
		}
	}
	u, err := TopUsers(t.Context(), stores(t, requests)["embedded"], filters["all"], 5, Budget{Rows: 100})
	if err != nil || u.Complete || u.Scanned < 100 || u.Reached <= window.From {
		t.Errorf("within a budget: %+v, %v", u.Effort, err)
	}
}

// failing is a store that fails after a number of queries.
type failing struct {
	store.Store
	left int
}

var errBroken = errors.New("broken")

func (s *failing) fails() bool { s.left--; return s.left < 0 }

func (s *failing) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	if s.fails() {
		return func(yield func(*rollup.Rollup, error) bool) { yield(nil, errBroken) }
	}
	return s.Store.Rollups(ctx, q)
}

func (s *failing) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	if s.fails() {
		return func(yield func(*store.Record, error) bool) { yield(nil, errBroken) }
	}
	return s.Store.Requests(ctx, q)
}

func TestFailingStores(t *testing.T) {
	st := storetest.NewOracle()
	fill(t, st, sample(100))
	for left := range 2 { // the first rollups, and the first requests
		for name, find := range map[string]finder{"newest": Newest, "slowest": Slowest} {
			if _, err := find(t.Context(), &failing{st, left}, filters["all"], Position{}, 10, Budget{}); !errors.Is(err, errBroken) {
				t.Errorf("%s after %d answers: %v", name, left, err)
			}
		}
		if _, err := TopUsers(t.Context(), &failing{st, left}, filters["all"], 10, Budget{}); !errors.Is(err, errBroken) {
			t.Errorf("users after %d answers: %v", left, err)
		}
	}
}

// A second that has more requests than are kept in memory is read in passes: nothing
// is missing and nothing comes twice, though many requests are equal.
func TestCrowdedSecond(t *testing.T) {
	var requests []wire.Request
	r := rand.New(rand.NewPCG(8, 8))
	for range 2*few + 100 {
		requests = append(requests, wire.Request{
			Key:   wire.Key{Service: "s", Endpoint: "/e", Method: "GET", Status: 200},
			Start: noon + int64(r.IntN(3)), Duration: time.Duration(1+r.IntN(20_000)) * time.Microsecond,
		})
	}
	st := stores(t, requests)["embedded"]
	f := Filter{RequestQuery: store.RequestQuery{Window: rollup.Window{From: noon - hour, To: noon + hour}}}
	want := expected(requests, &f, newest)
	var got []store.Record
	var e Effort
	for r, err := range All(t.Context(), st, f, Position{}, Budget{}, &e) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, *r)
	}
	same(t, "all", got, want)
	for name, find := range map[string]finder{"newest": Newest, "slowest": Slowest} {
		o := map[string]order{"newest": newest, "slowest": slowest}[name]
		got, _, complete := pages(t, st, find, f, 20_000, Budget{})
		if same(t, name, got, expected(requests, &f, o)); !complete {
			t.Errorf("%s is not complete", name)
		}
	}
}

// Equal requests take the memory of one.
func TestTopIsSmall(t *testing.T) {
	best := top{order: slowest, n: 1000}
	most := 0
	for i := range 200_000 {
		best.add(&store.Record{Start: 7, Duration: time.Duration(i % 50)})
		most = max(most, len(best.runs))
	}
	records := best.records(Position{Start: 7, Duration: 49, Skip: 3999})
	if len(records) != 1 || records[0].Duration != 49 || most > 3100 {
		t.Errorf("%d records, %d in memory", len(records), most)
	}
}
