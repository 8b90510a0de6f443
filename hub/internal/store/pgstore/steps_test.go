package pgstore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// Series of another hub appear in the middle of an answer, in a page or in details. Parts
// that were yielded are not repeated, and nothing is left out.
func TestStepsWithUnknownSeries(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	here, there, oracle := open(t, url, Options{}), open(t, url, Options{}), storetest.NewOracle()
	const minute = 60_000
	noon := storetest.Noon
	n := 0
	// With a step of a minute the first are in details that are read in one go.
	for _, starts := range [][]int64{{noon, noon + 3*minute}, {noon + 7*minute}, {noon + 4*minute, noon + 90*minute}, {noon + 180*minute}} {
		b := wire.NewBuilder()
		for _, start := range starts {
			n++
			b.Add(&wire.Request{Key: wire.Key{Service: "shop", Endpoint: fmt.Sprint("/new/", n), Method: "GET", Status: 200}, Start: start, Duration: 5})
			b.Add(&wire.Request{Key: wire.Key{Service: "shop", Endpoint: "/old", Method: "GET", Status: 200}, Start: start, Duration: 7})
		}
		batch := b.Batch("a", uint64(n))
		for _, s := range []store.Store{there, oracle} {
			if _, err := s.Append(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []int64{minute, 7 * minute, 60 * minute, 0} {
			q := store.RollupQuery{Window: window(noon-1, noon+200*minute), Step: step}
			if got, want := storetest.Rollups(t, here, q), storetest.Rollups(t, oracle, q); !slices.Equal(got, want) {
				t.Fatalf("step %d:\n%q\nwant\n%q", step, got, want)
			}
		}
	}
}
