package pebblestore

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

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
				for _, err := range s.Rollups(b.Context(), store.RollupQuery{Window: w, Step: step}) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
