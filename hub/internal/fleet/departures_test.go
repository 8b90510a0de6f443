package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// send sends a batch of an instance of the service s that was made at a second
// of the instance's clock, which is an hour behind.
func (p *testFleet) send(instance string, kind wire.Kind, second int) {
	ms := start.Add(-time.Hour + time.Duration(second)*time.Second).UnixMilli()
	p.Observe(&wire.Batch{Instance: instance, Kind: kind, Health: []wire.HealthResult{
		{Service: "s", Status: health.Healthy, From: ms, To: ms}}}, p.at)
}

func TestFarewellIsFinal(t *testing.T) {
	a, b := run("a", 1), run("b", 2)
	for _, test := range []struct {
		name string
		send func(p *testFleet)
	}{
		{"after the last heartbeat", func(p *testFleet) {
			p.send(a, wire.Present, 10)
			p.send(a, wire.Leaving, 12)
		}},
		{"before a late heartbeat", func(p *testFleet) {
			p.send(a, wire.Leaving, 12)
			p.at = p.at.Add(5 * time.Second)
			p.send(a, wire.Present, 10)
		}},
		{"before a heartbeat of the same millisecond", func(p *testFleet) {
			p.send(a, wire.Leaving, 12)
			p.send(a, wire.Present, 12)
		}},
		{"twice, and before a late heartbeat", func(p *testFleet) {
			p.send(a, wire.Leaving, 12)
			p.send(a, wire.Leaving, 11)
			p.send(a, wire.Present, 12)
		}},
		{"before a heartbeat that is a minute late", func(p *testFleet) {
			p.send(a, wire.Leaving, 12)
			p.at = p.at.Add(time.Minute)
			p.Sweep()
			p.send(b, wire.Present, 72)
			p.send(a, wire.Present, 10)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestFleet(t, Limits{})
			probe := p.Probe("s", silence, downAfter, time.Time{})
			p.send(a, wire.Present, 0)
			p.send(b, wire.Present, 0)
			test.send(p)
			if got := p.names(); !slices.Equal(got, []string{b}) {
				t.Errorf("got %q", got)
			}
			for range 60 {
				p.at = p.at.Add(10 * time.Second)
				p.send(b, wire.Present, 100)
				if d := p.expect(probe, health.Healthy, ""); d["instances"] != 1.0 {
					t.Errorf("got %v", d)
				}
			}
		})
	}
}

// The late heartbeat of a service that has left does not discover it again, also
// if the farewell is all that this hub has of it.
func TestLateHeartbeatOfAServiceThatLeft(t *testing.T) {
	p := newTestFleet(t, Limits{})
	a := run("a", 1)
	p.send(a, wire.Present, 0)
	p.send(a, wire.Leaving, 12)
	p.send(a, wire.Present, 10)
	if p.Known("s") || !slices.Equal(p.discovered, []string{"s"}) || !slices.Equal(p.left, []string{"s"}) {
		t.Errorf("discovered %v, left %v", p.discovered, p.left)
	}
	q := newTestFleet(t, Limits{})
	q.send(a, wire.Leaving, 12)
	q.send(a, wire.Present, 10)
	if q.Known("s") || len(q.discovered)+len(q.left) != 0 {
		t.Errorf("discovered %v, left %v", q.discovered, q.left)
	}
}

// Users may give every run of an instance the same name.
func TestRestartUnderTheSameName(t *testing.T) {
	p := newTestFleet(t, Limits{})
	p.send("web", wire.Present, 0)
	p.send("web", wire.Leaving, 12)
	p.send("web", wire.Present, 13)
	p.send("web", wire.Present, 10)
	if !p.Known("s") || !slices.Equal(p.discovered, []string{"s", "s"}) {
		t.Errorf("discovered %v", p.discovered)
	}
	p.send("web", wire.Leaving, 23)
	p.send("web", wire.Present, 20)
	if p.Known("s") || !slices.Equal(p.left, []string{"s", "s"}) {
		t.Errorf("left %v", p.left)
	}
}

func TestDeparturesAreForgotten(t *testing.T) {
	var d departures
	d.add("s", "a", 5, start)
	for _, c := range []struct {
		service, instance string
		sent              int64
		after             time.Duration
		late              bool
	}{
		{"s", "a", 5, 0, true},
		{"s", "a", 6, 0, false},
		{"s", "b", 5, 0, false},
		{"t", "a", 5, 0, false},
		{"s", "a", 5, time.Minute, true},
		{"s", "a", 5, time.Minute + 1, false},
	} {
		if got := d.late(c.service, c.instance, c.sent, start.Add(c.after)); got != c.late {
			t.Errorf("%+v: %v", c, got)
		}
	}
	d.expire(start.Add(time.Minute))
	if len(d.known) != 1 || len(d.order) != 1 {
		t.Errorf("expired too early: %v", d)
	}
	d.expire(start.Add(time.Minute + 1))
	if len(d.known) != 0 || len(d.order) != 0 {
		t.Errorf("not expired: %v", d)
	}
	p := newTestFleet(t, Limits{})
	p.send("a", wire.Leaving, 5)
	p.at = p.at.Add(time.Minute + 1)
	p.Sweep()
	if len(p.departures.known) != 0 {
		t.Error("not expired by Sweep")
	}
	// Of too many, the newest are remembered.
	for i := range maxDepartures + 10 {
		d.add("s", fmt.Sprint(i), 5, start)
	}
	if len(d.known) != maxDepartures || len(d.order) != maxDepartures {
		t.Errorf("%d and %d remembered", len(d.known), len(d.order))
	}
	if d.late("s", "9", 5, start) || !d.late("s", "10", 5, start) || !d.late("s", fmt.Sprint(maxDepartures+9), 5, start) {
		t.Error("others than the newest are remembered")
	}
}
