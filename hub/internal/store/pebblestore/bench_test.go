package pebblestore

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

func report(b *testing.B, s *Store, q store.RollupQuery) {
	b.Helper()
	for _, err := range s.Rollups(b.Context(), q) {
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRollups reports over hours of 300,000 requests, most of them in Pebble.
func BenchmarkRollups(b *testing.B) {
	s := open(b, Options{FS: vfs.NewMem()})
	next := batches("a", 5000)
	for range 60 {
		mustAppend(b, s, next())
	}
	w := rollup.Window{From: storetest.Noon - 3*hourMillis + 1234, To: storetest.Noon}
	for _, step := range []int64{0, 60_000} {
		b.Run(fmt.Sprintf("step=%d", step), func(b *testing.B) {
			for b.Loop() {
				report(b, s, store.RollupQuery{Window: w, Step: step})
			}
		})
	}
}

// BenchmarkWeek reports over a week of a million requests to 150 endpoints: again and
// again, and as after late requests, with pages of all hours and days to be added up.
func BenchmarkWeek(b *testing.B) {
	s := open(b, Options{FS: vfs.NewMem()})
	r := rand.New(rand.NewPCG(1, 2))
	const n, batch = 1_000_000, 8192
	begin := storetest.Noon - 168*hourMillis
	for at := 0; at < n; at += batch {
		w := wire.NewBuilder()
		for i := at; i < at+batch; i++ {
			w.Add(&wire.Request{
				Key:   wire.Key{Service: "shop", Endpoint: fmt.Sprintf("/e%d", min(r.IntN(150), r.IntN(150))), Method: "GET", Status: 200 + r.IntN(20)/19*300},
				Start: begin + int64(i)*168*hourMillis/n, Duration: time.Duration(r.ExpFloat64() * 2e7),
			})
		}
		mustAppend(b, s, w.Batch("a", uint64(at/batch+1)))
	}
	q := store.RollupQuery{Window: rollup.Window{From: begin + 1234, To: storetest.Noon + 1234}}
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			report(b, s, q)
		}
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			s.engine.totals.advance()
			s.engine.totals.advance()
			report(b, s, q)
		}
	})
}
