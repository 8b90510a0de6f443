package intake

import (
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestHeartbeatsReachEverySubscriber, even one that subscribes later, but not the store.
func TestHeartbeatsReachEverySubscriber(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	beat := func() {
		t.Helper()
		b := wire.Batch{Instance: "a-1", Kind: wire.Present, Health: []wire.HealthResult{{Service: "a", Status: health.Healthy, From: noon.UnixMilli(), To: noon.UnixMilli()}}}
		if got, err := in.Batch(t.Context(), b.AppendBinary(nil)); err != nil || got != (Receipt{}) {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	var heard []string
	subscribe := func(name string) {
		in.OnHeartbeat(func(b *wire.Batch, at time.Time) {
			if b.Instance != "a-1" || b.Health[0].Service != "a" || !at.Equal(noon) {
				t.Errorf("%s heard %+v at %s", name, b, at)
			}
			heard = append(heard, name)
		})
	}
	beat()
	subscribe("first")
	beat()
	subscribe("second")
	beat()
	same(t, "heard", heard, []string{"first", "first", "second"})
	same(t, "counters", []uint64{in.Counters.Heartbeats.Load(), in.Counters.Batches.Load()}, []uint64{3, 0})
	if in.Services()[0] != "a" {
		t.Errorf("services %v", in.Services())
	}
}
