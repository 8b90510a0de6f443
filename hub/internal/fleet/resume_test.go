package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

// A service that was known before the hub was started again is awaited.
func TestResume(t *testing.T) {
	p := newTestFleet(t, Limits{})
	before := start.Add(-3 * time.Hour)
	p.Resume("orders", before)
	probe := p.Probe("orders", silence, downAfter, time.Time{})
	last := before.Format(time.RFC3339)
	if d := p.expect(probe, health.Unknown, "no instance has reported yet"+remedy); d["last_heartbeat"] != last {
		t.Errorf("got %v", d)
	}
	p.at = start.Add(downAfter)
	p.expect(probe, health.Unknown, "no instance has reported yet"+remedy)
	p.at = start.Add(downAfter + time.Second)
	if d := p.expect(probe, health.Down, "no instance has reported for 1 min 31 s"+remedy); d["last_heartbeat"] != last || d["instances"] != nil {
		t.Errorf("got %v", d)
	}
	p.beat("orders", "a", health.Healthy)
	if d := p.expect(probe, health.Healthy, ""); d["last_heartbeat"] != nil {
		t.Errorf("got %v", d)
	}
	last = p.at.Format(time.RFC3339)
	p.at = p.at.Add(downAfter + time.Second)
	if d := p.expect(probe, health.Down, "silent for 1 min 31 s"+remedy); d["last_heartbeat"] != last || d["instances"] != 1.0 {
		t.Errorf("got %v", d)
	}
	if len(p.discovered)+len(p.left) > 0 {
		t.Errorf("discovered %v, left %v", p.discovered, p.left)
	}
}

// The day of silence after which it is forgotten began before the restart.
func TestResumedServiceIsForgotten(t *testing.T) {
	p := newTestFleet(t, Limits{})
	p.Resume("orders", start.Add(-23*time.Hour))
	p.Resume("shop", start.Add(-25*time.Hour))
	if !p.Known("orders") || p.Known("shop") {
		t.Errorf("orders is known: %v, shop: %v", p.Known("orders"), p.Known("shop"))
	}
	p.at = start.Add(time.Hour)
	p.Sweep()
	if !p.Known("orders") {
		t.Error("forgotten too early")
	}
	p.at = start.Add(time.Hour + time.Second)
	p.Sweep()
	if p.Known("orders") || !slices.Equal(p.left, []string{"orders"}) {
		t.Errorf("left: %v", p.left)
	}
}

// A farewell that the hub gets before any heartbeat is that of the service: if it has other
// instances, it is discovered again within seconds.
func TestFarewellOfAResumedService(t *testing.T) {
	p := newTestFleet(t, Limits{})
	p.Resume("orders", start.Add(-time.Minute))
	p.farewell("orders", "a")
	if p.Known("orders") || !slices.Equal(p.left, []string{"orders"}) {
		t.Errorf("left: %v", p.left)
	}
	p.beat("orders", "b", health.Healthy)
	if !p.Known("orders") || !slices.Equal(p.discovered, []string{"orders"}) {
		t.Errorf("discovered: %v", p.discovered)
	}
}

// What is resumed neither exceeds the limit nor replaces what is known.
func TestResumeHasLimits(t *testing.T) {
	p := newTestFleet(t, Limits{Services: 2})
	probe := p.Probe("named", silence, downAfter, start)
	p.beat("orders", "a", health.Healthy)
	for i := range 3 {
		p.Resume("orders", start)
		p.Resume("named", start)
		p.Resume(fmt.Sprint(i), start)
	}
	if !p.Known("0") || p.Known("1") || p.Known("2") {
		t.Error("the limit of services does not hold")
	}
	p.expect(p.Probe("orders", silence, downAfter, time.Time{}), health.Healthy, "")
	p.expect(probe, health.Unknown, "no instance has reported yet"+remedy)
}
