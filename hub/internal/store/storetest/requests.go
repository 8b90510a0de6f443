package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// one makes a batch of a single request.
func one(instance string, sequence uint64, r wire.Request) *wire.Batch {
	b := wire.NewBuilder()
	b.Add(&r)
	return b.Batch(instance, sequence)
}

var plain = wire.Key{Service: "shop", Endpoint: "/users/{id}", Method: "GET", Status: 200}

func testFields(t *testing.T, e Engine) {
	p := newPair(t, e)
	full := wire.Request{
		Key:  wire.Key{Service: "Bücher & more", Endpoint: "/straße/{id}/<b>'\"\\%_", Method: wire.MethodOther, Status: 999},
		User: "ünïcode 用户 🙂", Start: Noon - 1, Duration: 123456789, FirstByte: 123456788,
		Lifetime: time.Hour, Size: wire.MaxSize, Error: "größe 🙂 <b>'\"\\", Trace: wire.TraceID{0: 0xff, 15: 1},
		Process: wire.Process{Instance: "web 🙂 '\"\\", Version: "v1.4.2+ü 'x'"},
	}
	p.append(t, one("host-1-abc", 1, full))
	p.append(t, one("host-1-abc", 2, wire.Request{Key: plain, Start: Noon}))
	p.append(t, one("host-2-def", 1, wire.Request{Key: plain, Start: Noon, Duration: 1, User: "u"}))
	b := wire.NewBuilder() // some of whose requests are its own
	for i, o := range []wire.Process{{}, {Instance: "web-1"}, {Version: "1.5"}, {Instance: "web-1", Version: "1.5"}, {Instance: "host-3"}} {
		b.Add(&wire.Request{Key: plain, Start: Noon + int64(i), Process: o, Trace: wire.TraceID{15: byte(i)}, Error: strings.Repeat("e", i)})
	}
	own := b.Batch("host-3", 1)
	own.Version = "1.4.2"
	p.append(t, own, one("web-1", 1, wire.Request{Key: plain, Start: Noon})) // which is an instance of its own, too
	p.compare(t, all)
	p.reopen(t)
	p.compare(t, all)
}

func testEmpty(t *testing.T, e Engine) {
	p := newPair(t, e)
	p.compare(t, all)
	p.append(t, wire.NewBuilder().Batch("host", 1))
	p.append(t)
	p.compare(t, all)
	p.reopen(t)
	p.compare(t, all)
	p.append(t, wire.NewBuilder().Batch("host", 1))
}

func testIdentity(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(1)
	first := g.batch("a", 50, g.around(Noon, hour))
	second := g.batch("a", 50, g.around(Noon, hour))
	p.append(t, first, second, first)
	p.append(t, second)
	// The identity decides, not the content; and 0 and the largest are numbers too.
	p.append(t, one("a", 1, wire.Request{Key: plain, Start: Noon}))
	p.append(t, one("a", 0, wire.Request{Key: plain, Start: Noon}), one("a", math.MaxUint64, wire.Request{Key: plain, Start: Noon}))
	p.append(t, one("a", 40, wire.Request{Key: plain, Start: Noon}), one("a", 39, wire.Request{Key: plain, Start: Noon}))
	for range 2 {
		p.reopen(t)
		p.append(t, first, one("a", 41, wire.Request{Key: plain, Start: Noon}), second)
		p.append(t, one("a", 0, wire.Request{Key: plain, Start: Noon}), one("a", math.MaxUint64, wire.Request{Key: plain, Start: Noon}))
		p.compare(t, all)
	}
}

func testSameContent(t *testing.T, e Engine) {
	p := newPair(t, e)
	r := wire.Request{Key: plain, Start: Noon, Duration: 5e6, User: "u"}
	for i := range uint64(5) {
		p.append(t, one("a", i, r), one(fmt.Sprintf("b%d", i), 1, r))
	}
	p.compare(t, all)
	p.reopen(t)
	p.compare(t, all)
}

func testWindows(t *testing.T, e Engine) {
	p := newPair(t, e)
	midnight := Noon / day * day
	edges := []int64{Noon, Noon - 10*second, Noon - minute, Noon - 5*minute, Noon - hour,
		Noon - 6*hour, midnight, midnight - day, midnight - 6*day}
	edges = edges[:Volume(len(edges))]
	b := wire.NewBuilder()
	for i, edge := range edges {
		for _, off := range []int64{-1, 0, 1} {
			b.Add(&wire.Request{Key: plain, Start: edge + off, Duration: time.Duration(i+1) * time.Millisecond})
		}
	}
	p.append(t, b.Batch("a", 1))
	for range 2 {
		for _, from := range edges {
			for _, to := range edges {
				if from > to+1 {
					continue // empty, like those that are so by a millisecond
				}
				for _, off := range []int64{-1, 0, 1} {
					p.compare(t, store.RollupQuery{Window: rollup.Window{From: from + off, To: to}})
					p.compare(t, store.RollupQuery{Window: rollup.Window{From: from, To: to + off}})
				}
			}
		}
		p.reopen(t)
	}
}

func testSteps(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(7)
	p.append(t, g.batch("a", 2000, g.around(Noon, 2*day)), g.batch("b", 500, g.around(Noon, minute)))
	drops := g.batch("c", 10, g.around(Noon, hour))
	drops.Drops = []wire.Drop{{Service: plain.Service, Count: 3, At: Noon}, {Service: plain.Service, Count: 4, At: Noon + hour}}
	p.append(t, drops)
	for range 2 {
		for _, q := range []store.RollupQuery{
			{Window: rollup.Window{From: Noon - day, To: Noon + day}, Step: hour},
			{Window: rollup.Window{From: Noon - day + 1, To: Noon + day - 1}, Step: 2 * hour},
			{Window: rollup.Window{From: Noon - 6*day, To: Noon + day}, Step: day, Filter: store.Filter{Service: "service-1"}},
			{Window: rollup.Window{From: Noon - 15*minute, To: Noon + 17}, Step: 10 * second},
			{Window: rollup.Window{From: Noon - hour - 12345, To: Noon + hour}, Step: minute, Filter: store.Filter{Method: "GET"}},
			{Window: rollup.Window{From: Noon - 2*hour, To: Noon + 3*hour}, Step: 15 * minute, Filter: store.Filter{Endpoint: "/endpoint/3/{id}"}},
			{Window: rollup.Window{From: Noon + 7, To: Noon + 3*second}, Step: second},
			{Window: rollup.Window{From: Noon, To: Noon}, Step: hour},
		} {
			p.compare(t, q)
		}
		p.reopen(t)
	}
}

// What may be merged adds up to the same, by status and apart from wire.Other.
func testCoarse(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(8)
	b := wire.NewBuilder()
	for i := range 3000 {
		r := g.request(g.around(Noon, 2*day)())
		if i%7 == 0 {
			r.Endpoint = wire.Other
		}
		b.Add(&r)
	}
	b.AddDrop(wire.Drop{Service: plain.Service, Count: 3, At: Noon})
	p.append(t, b.Batch("a", 1))
	for range 2 {
		for _, q := range []store.RollupQuery{
			{Window: rollup.Window{From: Noon - day, To: Noon + day}},
			{Window: rollup.Window{From: Noon - day + 1, To: Noon + day - 1}, Step: 2 * hour, Filter: store.Filter{Service: "service-1"}},
		} {
			want := added(t, p.store, q)
			q.Coarse = true
			if got := added(t, p.store, q); !slices.Equal(got, want) {
				t.Fatalf("coarse rollups of %+v:\n%s", q, difference(got, want))
			}
		}
		p.reopen(t)
	}
}

// added adds up rollups that may be merged, and returns lines as Rollups does.
func added(t testing.TB, s store.Store, q store.RollupQuery) []string {
	t.Helper()
	type kind struct {
		start    int64
		status   int
		endpoint string
	}
	sums := make(map[kind]*rollup.Rollup)
	for r, err := range s.Rollups(t.Context(), q) {
		if err != nil {
			t.Fatalf("rollups: %v", err)
		}
		k := kind{start: r.Start, status: r.Status}
		if r.Endpoint == wire.Other {
			k.endpoint = wire.Other
		}
		if sums[k] == nil {
			sums[k] = &rollup.Rollup{Start: k.start, Key: rollup.Key{Status: k.status, Endpoint: k.endpoint}}
		}
		sums[k].Durations.Merge(&r.Durations)
		sums[k].Dropped += r.Dropped
	}
	var lines []string
	for _, r := range sums {
		lines = append(lines, rollupLine(r))
	}
	slices.Sort(lines)
	return lines
}

func testFilters(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(2)
	p.append(t, g.batch("a", 3000, g.around(Noon, 2*day)))
	window := rollup.Window{From: Noon - day, To: Noon + day}
	filters := []store.Filter{
		{Service: "service-1"}, {Endpoint: "/endpoint/3/{id}"}, {Method: "POST"}, {Service: "none"},
		{Service: "service-2", Endpoint: "/endpoint/0/{id}", Method: "GET"}, {Service: "service-", Method: "get"},
	}
	requests := []store.RequestQuery{
		{MinDuration: 40 * time.Millisecond}, {User: "user-3"}, {User: "nobody"}, {MinDuration: wire.MaxDuration},
		{Filter: store.Filter{Service: "service-1"}, User: "user-3", MinDuration: time.Millisecond},
	}
	for range 2 {
		for _, f := range filters {
			p.compare(t, store.RollupQuery{Window: window, Filter: f})
		}
		for _, q := range requests {
			q.Window = window
			p.compareRequests(t, q)
		}
		p.reopen(t)
	}
}

func testDrops(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(3)
	drops := []wire.Drop{{Service: "service-0", At: Noon - 1, Count: 3}, {Service: "service-0", At: Noon, Count: 4},
		{Service: "lonely", At: Noon - 3*hour, Count: 1 << 40}, {Service: "service-1", At: Noon, Count: 0},
		{Service: "service-0", At: Noon, Count: 6, Reason: wire.BufferFull}, {Service: "service-0", At: Noon, Count: 7, Reason: wire.InFuture},
		{Service: "service-1", At: Noon - day/2, Count: 1 << 40, Reason: wire.TooOld}, {Service: "service-1", At: Noon, Count: 0, Reason: wire.TooOld}}
	b := g.batch("a", 10, g.around(Noon, hour))
	b.Drops = drops
	p.append(t, b, b)
	only := wire.NewBuilder()
	only.AddDrop(wire.Drop{Service: "service-0", At: Noon + 1, Count: 5})
	only.AddDrop(wire.Drop{Service: "service-0", At: Noon + 1, Count: 8, Reason: wire.BufferFull})
	p.append(t, only.Batch("b", 1))
	for range 2 {
		for _, w := range []rollup.Window{always, {From: Noon, To: Noon + 2}, {From: Noon - day, To: Noon}} {
			p.compare(t, store.RollupQuery{Window: w})
			p.compare(t, store.RollupQuery{Window: w, Filter: store.Filter{Service: "service-0"}})
			p.compare(t, store.RollupQuery{Window: w, Filter: store.Filter{Endpoint: "/endpoint/1/{id}"}})
		}
		p.compare(t, store.RollupQuery{Window: rollup.Window{From: Noon - day, To: Noon + hour}, Step: hour})
		p.reopen(t)
	}
}

func testDisorder(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(4)
	for i := range 30 {
		at := Noon - int64(g.IntN(6))*day + int64(g.IntN(24))*hour
		p.append(t, g.batch(fmt.Sprint("instance-", i%4), 100, g.around(at, 90*minute)))
		if i%10 == 9 {
			p.reopen(t)
		}
	}
	for _, hours := range []int64{1, 2, 7, 24, 25, 100, 168} {
		p.compare(t, store.RollupQuery{Window: rollup.Window{From: Noon - hours*hour + 1234567, To: Noon + 1234567}})
	}
	p.compare(t, all)
}

func testLimits(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(5)
	p.append(t, g.batch("a", Volume(wire.MaxRequests), g.around(Noon, 3*hour)))
	b := wire.NewBuilder()
	for status := wire.MinStatus; status <= wire.MaxStatus; status++ {
		b.Add(&wire.Request{
			Key: wire.Key{Service: strings.Repeat("s", wire.MaxService), Endpoint: strings.Repeat("é", wire.MaxEndpoint/2),
				Method: strings.Repeat("M", wire.MaxMethod), Status: status},
			User:     strings.Repeat("u", wire.MaxUser-3) + fmt.Sprint(status),
			Start:    Noon,
			Duration: wire.MaxDuration, FirstByte: wire.MaxDuration, Lifetime: wire.MaxDuration,
			Process: wire.Process{Instance: strings.Repeat("o", wire.MaxInstance-3) + fmt.Sprint(status), Version: strings.Repeat("v", wire.MaxVersion)},
			Error:   strings.Repeat("e", wire.MaxError-3) + fmt.Sprint(status), Trace: wire.TraceID{byte(status), 15: 1},
		})
	}
	p.append(t, b.Batch(strings.Repeat("i", wire.MaxInstance), math.MaxUint64))
	p.compare(t, all)
	p.reopen(t)
	p.compare(t, all)
}

func testPrune(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(6)
	for i := range int64(6) {
		p.append(t, g.batch("a", 300, g.around(Noon-i*day, 12*hour)))
	}
	p.reopen(t) // what was written and what is still in memory are pruned alike
	p.append(t, g.batch("a", 300, g.around(Noon-3*day, 3*day)))
	latest := int64(0)
	for _, before := range []int64{Noon - 4*day, Noon - 4*day, Noon - 5*day, Noon - 2*day - 12345} {
		if err := p.store.Prune(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		// What lies across the instant may stay: the rest is compared. An instant
		// before one that was pruned already brings nothing back.
		latest = max(latest, before)
		froms := []int64{latest, latest + 1, latest + hour, latest + day}
		for _, from := range froms[:Volume(len(froms))] {
			p.compare(t, store.RollupQuery{Window: rollup.Window{From: from, To: Noon + day}})
		}
	}
	before := Noon - 2*day - 12345
	for _, s := range []string{"open", "reopened"} {
		old := rollup.Window{From: 0, To: before - day}
		if lines := Rollups(t, p.store, store.RollupQuery{Window: old}); len(lines) > 0 {
			t.Errorf("%s: %d series are left of what was pruned", s, len(lines))
		}
		if lines := Requests(t, p.store, store.RequestQuery{Window: old}); len(lines) > 0 {
			t.Errorf("%s: %d requests are left of what was pruned", s, len(lines))
		}
		p.reopen(t)
	}
	// A batch that was kept stays known even if its requests are gone.
	again := newGenerator(6)
	p.append(t, again.batch("a", 300, again.around(Noon, 12*hour)))
	p.compare(t, store.RollupQuery{Window: rollup.Window{From: before, To: Noon + day}})
}

func testContext(t *testing.T, e Engine) {
	p := newPair(t, e)
	p.append(t, one("a", 1, wire.Request{Key: plain, Start: Noon}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.store.Append(ended, one("a", 2, wire.Request{Key: plain, Start: Noon})); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v, want context.Canceled", err)
	}
	p.compare(t, all)
}

func testClosed(t *testing.T, e Engine) {
	p := newPair(t, e)
	p.append(t, one("a", 1, wire.Request{Key: plain, Start: Noon}))
	for range 2 {
		if err := p.store.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	_, err := p.store.Append(t.Context(), one("a", 2, wire.Request{Key: plain, Start: Noon}))
	wantClosed(t, "append", err)
	for _, err := range p.store.Rollups(t.Context(), all) {
		wantClosed(t, "rollups", err)
	}
	for _, err := range p.store.Requests(t.Context(), allRequests) {
		wantClosed(t, "requests", err)
	}
	wantClosed(t, "prune", p.store.Prune(t.Context(), Noon))
	p.store = p.engine.Open(t)
	p.compare(t, all)
}

func wantClosed(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("%s: %v, want store.ErrClosed", what, err)
	}
}
