package core

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// heartbeats sends the heartbeats of an instance, each 10 s until second to.
func heartbeats(t *testing.T, h *Hub, instance string, second, from, to int) {
	t.Helper()
	if second < from || second > to || (second-from)%10 != 0 {
		return
	}
	if err := h.Ship(t.Context(), present("orders", instance, wire.Present, health.Healthy)); err != nil {
		t.Fatal(err)
	}
}

// A service that is killed, and so sends no farewell, and started again is
// healthy all the time, and 40 s after the kill the old instance no longer counts.
func TestKilledAndRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, storetest.NewOracle(), setup{now: time.Now})
		for second := range 120 {
			heartbeats(t, h, "web-1-0123456789ab", second, 0, 20)
			heartbeats(t, h, "web-2-ba9876543210", second, 25, 120)
			time.Sleep(time.Second)
			synctest.Wait()
			c, _ := state(h, "orders")
			if c.Status != health.Healthy {
				t.Errorf("second %d: %v, %s", second, c.Status, c.Reason)
			}
			var d struct{ Instances int }
			if err := json.Unmarshal(c.Details, &d); err != nil {
				t.Fatal(err)
			}
			if second < 25 && d.Instances != 1 || second == 40 && d.Instances != 2 || second >= 60 && d.Instances != 1 {
				t.Errorf("second %d: %s", second, c.Details)
			}
		}
		closeHub(t, h)
	})
}

// A heartbeat that arrives after its instance's farewell does not bring it back.
func TestHeartbeatAfterTheFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, storetest.NewOracle(), setup{now: time.Now})
		for _, kind := range []wire.Kind{wire.Present, wire.Leaving, wire.Present} {
			if err := h.Ship(t.Context(), present("orders", "web-1-0123456789ab", kind, health.Healthy)); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			if c, ok := state(h, "orders"); ok {
				t.Fatalf("the service that left is there: %+v", c)
			}
			time.Sleep(time.Second)
		}
		closeHub(t, h)
	})
}
