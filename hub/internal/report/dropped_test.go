package report

import (
	"maps"
	"testing"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// TestDroppedAddUp: reasons add up to what is missing, without what is too old.
func TestDroppedAddUp(t *testing.T) {
	var one, both dropped
	for i := range 3 {
		for reason := range wire.DropReasons + 1 { // the last is of a later version
			d := wire.Drop{Service: "web", Reason: reason}
			one.add(&rollup.Rollup{Key: d.Key(), Dropped: uint64(i) << (4 * reason)})
		}
	}
	both.merge(&one)
	both.merge(&one)
	var trust Trust
	both.put(&trust)
	want := map[string]uint64{
		"unknown": 6 + 6<<32, "buffer_full": 6 << 4, "queue_full": 6 << 8, "rejected": 6 << 12, "failed": 6 << 16, "invalid": 6 << 20, "in_future": 6 << 28,
	}
	sum := uint64(0)
	for _, n := range want {
		sum += n
	}
	if !maps.Equal(trust.DroppedReasons, want) || trust.Dropped != sum || trust.TooOld != 6<<24 {
		t.Errorf("got %+v, want %d, %v", trust, sum, want)
	}
	trust = Trust{}
	new(dropped).put(&trust)
	if trust.Dropped != 0 || trust.DroppedReasons != nil || trust.TooOld != 0 {
		t.Errorf("nothing was dropped: %+v", trust)
	}
}
