package fleet

import (
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

// A service that is no longer expected stays known while it has instances, and counts
// toward the limit of discovered services.
func TestDismiss(t *testing.T) {
	f := New(Limits{Services: 1}, time.Now)
	f.Probe("never came", time.Minute, time.Hour, time.Now())
	f.Dismiss("never came")
	f.Dismiss("unheard of")
	if f.Known("never came") || f.Known("unheard of") || f.discovered != 0 {
		t.Errorf("%d are discovered", f.discovered)
	}
	f.Probe("expected", time.Minute, time.Hour, time.Now())
	f.Dismiss("expected")
	f.Dismiss("expected")
	if f.Known("expected") || f.discovered != 0 {
		t.Errorf("%d are discovered", f.discovered)
	}
}

// More services may be dismissed than may be discovered. Then no others are discovered
// until enough of them are gone.
func TestDismissedServicesFillTheLimit(t *testing.T) {
	p := newTestFleet(t, Limits{Services: 1})
	for _, name := range []string{"a", "b"} {
		p.Probe(name, silence, downAfter, p.at)
		p.beat(name, "1", health.Healthy)
	}
	p.Dismiss("a")
	p.Dismiss("b")
	p.beat("c", "1", health.Healthy)
	p.farewell("a", "1")
	p.beat("c", "1", health.Healthy)
	if p.Known("c") || p.Refused() != 2 {
		t.Errorf("beside as many as the limit: known is %v, %d refused", p.Known("c"), p.Refused())
	}
	p.farewell("b", "1")
	p.beat("c", "1", health.Healthy)
	if !p.Known("c") || p.Refused() != 2 {
		t.Errorf("with room: known is %v, %d refused", p.Known("c"), p.Refused())
	}
}
