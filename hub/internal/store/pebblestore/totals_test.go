package pebblestore

import (
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// hoursOf returns the window of some hours.
func hoursOf(from, to int64) rollup.Window {
	return rollup.Window{From: from * hourMillis, To: to * hourMillis}
}

// spansAt returns the spans of 5 minutes at these hours.
func spansAt(hours ...float64) (spans []int64) {
	for _, h := range hours {
		spans = append(spans, levels[level5m].Span(int64(h*float64(hourMillis))))
	}
	return spans
}

// A total serves the views between whose segment and its own nothing of its window was
// written.
func TestTotals(t *testing.T) {
	var c totals
	at := func(segment uint64) *view { return &view{state: state{segment: segment}, epoch: c.begin()} }
	w, later := hoursOf(10, 20), hoursOf(20, 30)
	found := func(w rollup.Window, v *view, want string) {
		t.Helper()
		if got := string(c.find(w, v)); got != want {
			t.Fatalf("the total of %v at segment %d is %q, want %q", w, v.state.segment, got, want)
		}
	}

	c.keep(w, at(5), []byte("w5"))
	found(w, at(4), "")
	found(w, at(5), "w5")
	found(w, at(6), "w5")
	found(later, at(6), "")

	c.touch(6, spansAt(9.99, 20))
	found(w, at(6), "w5")
	c.touch(7, spansAt(3, 19.99))
	found(w, at(7), "")
	c.keep(w, at(6), []byte("w6"))
	found(w, at(7), "")
	c.keep(w, at(7), []byte("w7"))
	c.keep(later, at(6), []byte("later"))
	found(w, at(7), "w7")
	found(later, at(8), "later")

	before := at(8)
	_ = c.rewrite(func() error {
		during := at(8)
		found(w, before, "")
		found(w, during, "")
		c.keep(w, before, []byte("before"))
		c.keep(w, during, []byte("during"))
		return nil
	})
	c.keep(w, before, []byte("before"))
	found(w, at(8), "")
	c.keep(w, at(8), []byte("w8"))
	found(w, at(8), "w8")
	found(w, before, "")
}

// What totals remember is bounded.
func TestTotalsBounds(t *testing.T) {
	var c totals
	at := func(segment uint64) *view { return &view{state: state{segment: segment}, epoch: c.begin()} }
	for n := range int64(3 * maxTotals) {
		c.keep(hoursOf(0, n), at(1), []byte("n"))
		c.find(hoursOf(0, 0), at(1))
	}
	if n := len(c.kept); n != maxTotals {
		t.Errorf("%d totals are kept, want %d", n, maxTotals)
	}
	if c.find(hoursOf(0, 0), at(1)) == nil || c.find(hoursOf(0, 1), at(1)) != nil {
		t.Error("the total that was used last is forgotten, or the one that was used longest ago is not")
	}
	for n := range int64(6) {
		c.keep(hoursOf(1, 2+n), at(1), make([]byte, maxTotalsBytes/4))
	}
	c.keep(hoursOf(0, 1), at(1), make([]byte, maxTotalsBytes/4+1))
	if n := len(c.kept); n != 4 {
		t.Errorf("%d totals of a quarter of the memory are kept, want 4", n)
	}

	for n := range uint64(maxTouches + 5) {
		c.touch(10+n, spansAt(1))
	}
	if len(c.touched) != maxTouches {
		t.Errorf("%d writes are remembered, want %d", len(c.touched), maxTouches)
	}
	c.keep(hoursOf(5, 6), at(13), []byte("13"))
	c.keep(hoursOf(6, 7), at(14), []byte("14"))
	if c.find(hoursOf(5, 6), at(99)) != nil || c.find(hoursOf(6, 7), at(99)) == nil {
		t.Error("a total is kept of a view of which it is not known what was written since")
	}
}

// reported are windows as reports have them, of which totals are kept.
var reported = []rollup.Window{
	{From: storetest.Noon - 168*hourMillis + 1234, To: storetest.Noon + 1234},
	{From: storetest.Noon - 25*hourMillis, To: storetest.Noon + hourMillis},
	{From: storetest.Noon - 7*hourMillis/2, To: storetest.Noon - 61_000},
	everything,
}

// lateBatches makes batches of requests of the last minutes, or as old as two days.
func lateBatches(instance string, r *rand.Rand) func() *wire.Batch {
	next := batches(instance, 120)
	return func() *wire.Batch {
		b := next()
		age := []int64{0, hourMillis, 30 * hourMillis}[r.IntN(3)]
		for i := range b.Start {
			b.Start[i] = storetest.Noon - age - (storetest.Noon-b.Start[i])/40
		}
		if r.IntN(3) == 0 {
			b.Drops = []wire.Drop{{Service: "shop", At: b.Start[0] - 2*hourMillis, Count: uint64(1 + r.IntN(9))}}
		}
		return b
	}
}

// Reports that are asked for again and again are exact, whatever happens between them.
func TestTotalsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fs, oracle := vfs.NewMem(), storetest.NewOracle()
	s := open(t, Options{FS: fs, tuning: busy})
	next := lateBatches("a", r)
	hits, floor := 0, int64(0)
	for range 600 {
		switch n := r.IntN(40); {
		case n < 10:
			b := next()
			mustAppend(t, s, b)
			mustAppend(t, oracle, b)
		case n == 10:
			floor = max(floor, storetest.Noon-int64(20+r.IntN(200))*hourMillis)
			if err := s.Prune(t.Context(), floor); err != nil {
				t.Fatal(err)
			}
			_ = oracle.Prune(t.Context(), floor)
		case n == 11:
			s.Close()
			s = open(t, Options{FS: fs, tuning: busy})
		default:
			q := store.RollupQuery{Window: reported[r.IntN(len(reported))]}
			if r.IntN(3) == 0 {
				q.Filter.Endpoint = "/e3"
			}
			q.Coarse = r.IntN(5) == 0
			before := keptTotals(s)
			got, want := storetest.Rollups(t, s, q), storetest.Rollups(t, oracle, q)
			if before > 0 && keptTotals(s) == before {
				hits++
			}
			if q.Coarse {
				got, want = counts(t, s, q), counts(t, oracle, q)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("rollups of %+v are not exact: %d lines, want %d", q, len(got), len(want))
			}
		}
	}
	if hits < 50 {
		t.Errorf("only %d reports found a total", hits)
	}
}

// keptTotals returns how many totals a store keeps.
func keptTotals(s *Store) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.engine.totals.mu.Lock()
	defer s.engine.totals.mu.Unlock()
	return len(s.engine.totals.kept)
}

// counts returns how many requests there are of each status.
func counts(t *testing.T, s store.Store, q store.RollupQuery) []string {
	t.Helper()
	sums := make(map[int]uint64)
	for r, err := range s.Rollups(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		sums[r.Status] += r.Durations.Count() + r.Dropped<<32
	}
	var lines []string
	for status, n := range sums {
		lines = append(lines, time.Duration(status).String()+" "+time.Duration(n).String())
	}
	slices.Sort(lines)
	return lines
}

// While requests come in, a report counts all that were acknowledged before it, and none
// twice.
func TestTotalsWhileRequestsCome(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem(), tuning: busy})
	var sent, stored atomic.Uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		next := lateBatches("a", rand.New(rand.NewPCG(3, 4)))
		for range 100 {
			b := next()
			b.Drops = nil
			sent.Add(uint64(b.Len()))
			if _, err := s.Append(t.Context(), b); err != nil {
				t.Error(err)
				return
			}
			stored.Add(uint64(b.Len()))
		}
	}()
	report := func(w rollup.Window) {
		least, n := stored.Load(), uint64(0)
		for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: w}) {
			if err != nil {
				t.Error(err)
				return
			}
			n += r.Durations.Count()
		}
		if most := sent.Load(); n < least || n > most {
			t.Errorf("%d requests are reported, want at least %d and at most %d", n, least, most)
		}
	}
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		for {
			select {
			case <-done:
				return
			default:
				report(everything)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			report(rollup.Window{From: storetest.Noon - 168*hourMillis + 1, To: storetest.Noon + hourMillis - 1})
		}
	}
	<-reader
}
