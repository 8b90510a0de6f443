package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// result makes a health result that begins at an instant.
func (g *generator) result(from int64) wire.HealthResult {
	h := wire.HealthResult{
		Service: []string{"", "", "orders", "billing"}[g.IntN(4)], Check: fmt.Sprintf("check-%d", g.IntN(6)),
		Status: health.Status(1 + g.IntN(3)), Flapping: g.IntN(5) == 0, Critical: g.IntN(2) == 0,
		From: from, To: from + g.Int64N(wire.MaxSpan+1),
	}
	for range g.IntN(8) {
		h.Latency.Record(int64(math.Exp(15 + 3*g.NormFloat64())))
	}
	if n := h.Latency.Count(); n > 0 {
		h.Failures = g.Uint64N(n + 1)
	}
	if h.Status != health.Healthy {
		h.Reason = fmt.Sprintf("no answer within %ds", g.IntN(9))
	}
	if g.IntN(2) == 0 {
		h.Details = fmt.Sprintf(`{"connections":%d}`, g.IntN(100))
	}
	return h
}

// healthBatch makes a batch of n results of an instance, without requests.
func (g *generator) healthBatch(instance string, n int, from func() int64) *wire.Batch {
	b := wire.NewBuilder()
	for range n {
		b.AddHealth(g.result(from()))
	}
	g.sequence[instance]++
	return b.Batch(instance, g.sequence[instance])
}

func testHealthFields(t *testing.T, e Engine) {
	p := newPair(t, e)
	full := wire.HealthResult{
		Service: "Bücher & more", Check: "größe '\"\\%_", Status: health.Down, Flapping: true, Critical: true,
		From: Noon - wire.MaxSpan, To: Noon, Failures: math.MaxInt64, Reason: "no answer 🙂 <b>'\"\\",
		Details: `{"a": [1, {"b": null}], "text": "ü\u0000"}`,
	}
	full.Latency.RecordN(5, math.MaxInt64)
	long := wire.HealthResult{
		Service: strings.Repeat("s", 50), Check: strings.Repeat("c", wire.MaxCheck-51), Status: health.Degraded,
		From: Noon, To: Noon, Reason: strings.Repeat("r", wire.MaxReason),
		Details: `{"a":"` + strings.Repeat("x", wire.MaxDetails-8) + `"}`,
	}
	for i := range int64(2000) {
		long.Latency.Record(i * i * i * i * i)
	}
	p.append(t, &wire.Batch{Instance: "a", Sequence: 1, Health: []wire.HealthResult{full, long}})
	g := newGenerator(20)
	b := g.batch("b", 20, g.around(Noon, hour)) // requests and results in one batch
	b.Health = []wire.HealthResult{{Service: "orders", Status: health.Healthy, From: Noon, To: Noon}, {Check: "redis", Status: health.Healthy, From: Noon, To: Noon + 1}}
	p.append(t, b)
	for range 2 {
		p.compareHealth(t, allHealth)
		p.compare(t, all)
		p.reopen(t)
	}
}

func testHealthIdentity(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(21)
	first, second := g.healthBatch("a", 30, g.around(Noon, hour)), g.healthBatch("a", 30, g.around(Noon, hour))
	p.append(t, first, second, first)
	// Two results that are the same are two, in one batch and in several.
	same := first.Health[0]
	twice := &wire.Batch{Instance: "b", Sequence: 1, Health: []wire.HealthResult{same, same}}
	p.append(t, twice)
	p.append(t, &wire.Batch{Instance: "b", Sequence: 2, Health: []wire.HealthResult{same}})
	for range 2 {
		p.append(t, second, twice)
		p.compareHealth(t, allHealth)
		p.reopen(t)
	}
	heartbeat := &wire.Batch{Instance: "c", Sequence: 1, Kind: wire.Present, Health: []wire.HealthResult{same}}
	// What is not to be kept is refused, with all that comes along.
	for _, kind := range []wire.Kind{wire.Present, wire.Leaving} {
		heartbeat.Kind = kind
		if _, err := p.store.Append(t.Context(), g.healthBatch("d", 3, g.around(Noon, hour)), heartbeat); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("heartbeat is kept: %v", err)
		}
	}
	p.compareHealth(t, allHealth)
}

func testHealthWindows(t *testing.T, e Engine) {
	p := newPair(t, e)
	b := wire.NewBuilder()
	edges := []int64{Noon - 3*hour, Noon - hour, Noon, Noon + hour}
	for i, from := range edges {
		for j, length := range []int64{0, 1, minute, wire.MaxSpan} {
			b.AddHealth(wire.HealthResult{Check: fmt.Sprintf("check-%d", (i+j)%3), Status: health.Healthy, From: from, To: from + length})
		}
	}
	p.append(t, b.Batch("a", 1))
	for range 2 {
		for _, from := range edges {
			for _, to := range edges {
				for _, off := range []int64{-1, 0, 1, minute, hour} {
					p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: from + off, To: to}})
					p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: from, To: to + off}, Name: "check-1"})
				}
			}
		}
		p.reopen(t)
	}
}

func testHealthNames(t *testing.T, e Engine) {
	p := newPair(t, e)
	b := wire.NewBuilder()
	// Names of which one is the beginning of another.
	for i, name := range []string{"a", "aa", "a b", "a/b", "ab", "b", "ü", "a"} {
		h := wire.HealthResult{Check: name, Status: health.Healthy, From: Noon + int64(i), To: Noon + int64(i)}
		if service, check, ok := strings.Cut(name, "/"); ok {
			h.Service, h.Check = service, check
		}
		b.AddHealth(h)
	}
	p.append(t, b.Batch("a", 1))
	for range 2 {
		for _, name := range []string{"", "a", "aa", "a/b", "b", "none", "A"} {
			for _, w := range []rollup.Window{all.Window, {From: Noon + 2, To: Noon + 5}} {
				p.compareHealth(t, store.HealthQuery{Window: w, Name: name})
			}
		}
		p.reopen(t)
	}
}

// testHealthJoinedNames has checks whose names are the same when they are joined with
// their services': each result is kept, with the two parts of its name.
func testHealthJoinedNames(t *testing.T, e Engine) {
	p := newPair(t, e)
	result := func(service, check string) wire.HealthResult {
		return wire.HealthResult{Service: service, Check: check, Status: health.Healthy, From: Noon, To: Noon + minute}
	}
	all := []wire.HealthResult{result("a", "b/c"), result("a/b", "c"), result("", "a/b/c"), result("a/b/c", "")}
	p.append(t, &wire.Batch{Instance: "hub", Sequence: 1, Health: all}, &wire.Batch{Instance: "hub", Sequence: 2, Health: all[:1]},
		&wire.Batch{Instance: "hub", Sequence: 3, Health: all[1:2]})
	for range 2 {
		for _, name := range []string{"", "a/b/c", "a/b"} {
			p.compareHealth(t, store.HealthQuery{Window: allHealth.Window, Name: name})
		}
		if n := len(Health(t, p.store, store.HealthQuery{Window: allHealth.Window, Name: "a/b/c"})); n != 6 {
			t.Errorf("%d results, want 6", n)
		}
		p.reopen(t)
	}
}

func testHealthPrune(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(22)
	for i := range int64(6) {
		p.append(t, g.healthBatch("a", 200, g.around(Noon-i*day, 12*hour)))
	}
	p.reopen(t)
	p.append(t, g.healthBatch("a", 200, g.around(Noon-3*day, 3*day)))
	before := Noon - 2*day - 12345
	for range 2 {
		if err := p.store.Prune(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		for _, from := range []int64{before, before + 1, before + hour, before + day} {
			p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: from, To: Noon + day}})
		}
		old := store.HealthQuery{Window: rollup.Window{From: 0, To: before - day}}
		if lines := Health(t, p.store, old); len(lines) > 0 {
			t.Errorf("%d results are left of what was pruned", len(lines))
		}
		p.reopen(t)
	}
}

func testHealthMany(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(23)
	for i := range Volume(12) {
		instance := fmt.Sprint("instance-", i%3)
		p.append(t, g.healthBatch(instance, Volume(wire.MaxHealth), g.around(Noon, 6*hour)), g.batch(instance, 50, g.around(Noon, hour)))
		if i%5 == 4 {
			p.reopen(t)
		}
		for _, name := range []string{"", "check-2", "orders/check-3"} {
			from := Noon - g.Int64N(7*hour)
			p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: from, To: from + g.Int64N(7*hour)}, Name: name})
		}
	}
	p.compareHealth(t, allHealth)
	p.compare(t, all)
	// A reader may stop early.
	n := 0
	for _, err := range p.store.Health(t.Context(), allHealth) {
		if n++; err != nil || n == 3 {
			break
		}
	}
	for range p.store.HealthNames(t.Context(), all.Window) {
		break
	}
}

// testHealthOrder has instances say different things of one check at once.
func testHealthOrder(t *testing.T, e Engine) {
	p := newPair(t, e)
	for i, instance := range []string{"b", "a", "b b", "B", "ab"} {
		g := newGenerator(uint64(30 + i))
		for range 3 {
			p.append(t, g.healthBatch(instance, 20, func() int64 { return Noon + g.Int64N(3) }))
		}
		p.compareHealth(t, allHealth)
		if i == 2 {
			p.reopen(t) // some come from the disk and some from memory
		}
	}
	for at := Noon - 1; at < Noon+4; at++ {
		p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: at, To: at}})
		p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: at, To: at - 1}})
		p.compareHealth(t, store.HealthQuery{Window: rollup.Window{From: at, To: at + 1}, Name: "check-3"})
	}
}

func testHealthContext(t *testing.T, e Engine) {
	p := newPair(t, e)
	p.append(t, newGenerator(25).healthBatch("a", 50, func() int64 { return Noon }))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		for r, err := range p.store.Health(ended, allHealth) {
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("health: %+v, %v, want context.Canceled", r, err)
			}
		}
		for name, err := range p.store.HealthNames(ended, all.Window) {
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("health names: %q, %v, want context.Canceled", name, err)
			}
		}
		p.reopen(t)
	}
}

// testHealthReaders reads while one writes: a reader must see each result that
// was acknowledged before it began once, wherever it is on its way to the disk.
func testHealthReaders(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(26)
	batches, size := Volume(60), 40
	acknowledged := make(chan int, batches)
	go func() {
		defer close(acknowledged)
		for i := range batches {
			if _, err := p.store.Append(context.Background(), g.healthBatch("a", size, g.around(Noon, hour))); err != nil {
				t.Errorf("append: %v", err)
				return
			}
			acknowledged <- (i + 1) * size
		}
	}()
	for least := range acknowledged {
		n := 0
		for _, err := range p.store.Health(t.Context(), allHealth) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < least || n > batches*size || n%size != 0 {
			t.Fatalf("%d results after %d were acknowledged in batches of %d", n, least, size)
		}
	}
}

func testHealthClosed(t *testing.T, e Engine) {
	p := newPair(t, e)
	p.append(t, newGenerator(24).healthBatch("a", 1, func() int64 { return Noon }))
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range p.store.Health(t.Context(), allHealth) {
		wantClosed(t, "health", err)
	}
	for _, err := range p.store.HealthNames(t.Context(), all.Window) {
		wantClosed(t, "health names", err)
	}
	p.store = p.engine.Open(t)
	p.compareHealth(t, allHealth)
}
