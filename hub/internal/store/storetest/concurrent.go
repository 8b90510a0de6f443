package storetest

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// testWriters has instances send their batches at once, each batch twice.
func testWriters(t *testing.T, e Engine) {
	p := newPair(t, e)
	instances, batches := 8, Volume(20)
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for i := range instances {
		g := newGenerator(uint64(100 + i))
		var sent []*wire.Batch
		for range batches {
			sent = append(sent, g.batch(fmt.Sprint("instance-", i), 200, g.around(Noon, 2*hour)))
			if _, err := p.oracle.Append(t.Context(), sent[len(sent)-1]); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			wg.Go(func() {
				for _, b := range sent {
					kept, err := p.store.Append(context.Background(), b)
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					if kept[0] {
						mu.Lock()
						fresh++
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	if fresh != instances*batches {
		t.Errorf("%d batches were new, want %d", fresh, instances*batches)
	}
	p.compare(t, all)
	p.reopen(t)
	p.compare(t, all)
}

// testReaders reads while one writes: a reader must see all that was
// acknowledged before it began, and the same in rollups and requests.
func testReaders(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(8)
	batches, size := Volume(60), 500
	acknowledged := make(chan int, batches)
	go func() {
		defer close(acknowledged)
		for i := range batches {
			if _, err := p.store.Append(context.Background(), g.batch("a", size, g.around(Noon, hour))); err != nil {
				t.Errorf("append: %v", err)
				return
			}
			acknowledged <- (i + 1) * size
		}
	}()
	for least := range acknowledged {
		var n, m int
		for r, err := range p.store.Rollups(t.Context(), all) {
			if err != nil {
				t.Fatal(err)
			}
			n += int(r.Durations.Count())
		}
		for _, err := range p.store.Requests(t.Context(), allRequests) {
			if err != nil {
				t.Fatal(err)
			}
			m++
		}
		if n < least || n%size != 0 || m < n || m%size != 0 {
			t.Fatalf("%d requests in rollups and then %d as requests, after %d were acknowledged in batches of %d", n, m, least, size)
		}
	}
}

func testStop(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(9)
	p.append(t, g.batch("a", 500, g.around(Noon, hour)))
	for range 2 {
		for range p.store.Rollups(t.Context(), all) {
			break
		}
		for range p.store.Requests(t.Context(), allRequests) {
			break
		}
		p.reopen(t)
	}
	p.compare(t, all)
}

// testRandom lets rapid find a history of appends, repeats, restarts and prunes
// after which the engine and the oracle disagree.
func testRandom(t *testing.T, e Engine) {
	Together(t, e)
}

// Together lets rapid find a history of appends, repeats, late and unordered
// batches and restarts after which one of the engines disagrees with its oracle,
// and so with the others: all are given the same.
func Together(t *testing.T, engines ...Engine) {
	seeds := uint64(0)
	// The same engines serve all histories: each has instances and days of its own.
	var pairs []*pair
	for _, e := range engines {
		pairs = append(pairs, newPair(t, e))
	}
	each := func(do func(p *pair)) {
		for _, p := range pairs {
			do(p)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		seeds++
		g := newGenerator(seeds)
		centre := Noon - int64(rapid.IntRange(0, 5).Draw(r, "days ago"))*day
		var sent []*wire.Batch
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0:
				each(func(p *pair) { p.reopen(t) })
			case 1, 2:
				if len(sent) > 0 {
					b := sent[rapid.IntRange(0, len(sent)-1).Draw(r, "again")]
					each(func(p *pair) { p.append(t, b) })
				}
			default:
				instance := fmt.Sprintf("%d-%d", seeds, g.IntN(3))
				spread := []int64{second, minute, hour, day}[rapid.IntRange(0, 3).Draw(r, "spread")]
				b := g.batch(instance, rapid.IntRange(0, 60).Draw(r, "size"), g.around(centre, spread))
				for range rapid.IntRange(0, 6).Draw(r, "results") {
					b.Health = append(b.Health, g.result(g.around(centre, spread)()))
				}
				b = clone(b)
				sent = append(sent, b)
				each(func(p *pair) { p.append(t, b) })
			}
		}
		from := centre + rapid.Int64Range(-2*day, day).Draw(r, "from")
		to := from + int64(math.Exp(rapid.Float64Range(0, 19.2).Draw(r, "length")))
		w := rollup.Window{From: from, To: to}
		name := rapid.SampledFrom([]string{"", "check-1", "orders/check-2", "none"}).Draw(r, "name")
		var step int64
		if rapid.Bool().Draw(r, "steps") {
			step = (w.To-w.From)/rapid.Int64Range(1, 20).Draw(r, "parts") + 1
			step = (step + second - 1) / second * second
		}
		each(func(p *pair) {
			p.compare(t, store.RollupQuery{Window: w, Step: step})
			p.compareHealth(t, store.HealthQuery{Window: w, Name: name})
		})
	})
}

// clone copies a batch out of its builder's memory.
func clone(b *wire.Batch) *wire.Batch {
	c := new(wire.Batch)
	if err := wire.Decode(b.AppendBinary(nil), c); err != nil {
		panic(err)
	}
	return c
}
