package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// start is the time at which tests start.
var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testFleet is a fleet whose clock the test sets.
type testFleet struct {
	*Fleet
	t          *testing.T
	at         time.Time
	second     int // the next that play plays
	discovered []string
	left       []string
}

func newTestFleet(t *testing.T, limits Limits) *testFleet {
	p := &testFleet{t: t, at: start}
	p.Fleet = New(limits, func() time.Time { return p.at })
	p.OnChange(func(s string) {
		if p.Known(s) {
			p.discovered = append(p.discovered, s)
		} else {
			p.left = append(p.left, s)
		}
	})
	return p
}

// beat sends a heartbeat of an instance, with its checks: "stock=down".
func (p *testFleet) beat(service, instance string, status health.Status, checks ...string) {
	b := &wire.Batch{Instance: instance, Kind: wire.Present, Health: []wire.HealthResult{{Service: service, Status: status}}}
	for _, c := range checks {
		name, s, _ := strings.Cut(c, "=")
		r := wire.HealthResult{Service: service, Check: name}
		if err := r.Status.UnmarshalText([]byte(s)); err != nil {
			p.t.Fatal(err)
		}
		if r.Status != health.Healthy {
			r.Reason = name + " is not well"
		}
		r.Latency.Record(int64(5 * time.Millisecond))
		b.Health = append(b.Health, r)
	}
	p.Observe(b, p.at)
}

// farewell sends the farewell of an instance.
func (p *testFleet) farewell(service, instance string) {
	p.Observe(&wire.Batch{Instance: instance, Kind: wire.Leaving, Health: []wire.HealthResult{{Service: service, Status: health.Healthy}}}, p.at)
}

// expect compares what a service's probe returns with a status and its reason,
// and returns the details.
func (p *testFleet) expect(probe health.Probe, status health.Status, reason string) map[string]any {
	p.t.Helper()
	details, err := probe.Run(p.t.Context())
	got := ""
	if err != nil {
		got = err.Error()
	}
	if health.StatusOf(err) != status || got != reason {
		p.t.Errorf("%v, %q; want %v, %q", health.StatusOf(err), got, status, reason)
	}
	text, err := json.Marshal(details)
	if err != nil || len(text) > health.MaxDetails {
		p.t.Errorf("details of %d bytes, %v", len(text), err)
	}
	var plain map[string]any
	_ = json.Unmarshal(text, &plain) // it was marshalled a moment ago
	return plain
}

const (
	silence   = 30 * time.Second
	downAfter = 90 * time.Second
)

func TestSilence(t *testing.T) {
	p := newTestFleet(t, Limits{})
	named := p.Probe("orders", silence, downAfter, p.at)
	p.expect(named, health.Unknown, "no instance has reported yet"+remedy)
	p.at = p.at.Add(downAfter + time.Second)
	p.expect(named, health.Down, "no instance has reported for 1 min 31 s"+remedy)
	p.beat("orders", "a", health.Healthy)
	p.expect(named, health.Healthy, "")
	p.at = p.at.Add(silence)
	p.expect(named, health.Healthy, "")
	p.at = p.at.Add(time.Second)
	p.expect(named, health.Unknown, "silent for 31 s"+remedy)
	p.at = p.at.Add(time.Minute)
	p.expect(named, health.Down, "silent for 1 min 31 s"+remedy)
	p.beat("orders", "a", health.Healthy)
	p.expect(named, health.Healthy, "")
	if len(p.discovered)+len(p.left) != 0 {
		t.Errorf("an expected service was discovered: %v, %v", p.discovered, p.left)
	}
}

func TestOneOfTwoFallsSilent(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("orders", silence, downAfter, time.Time{})
	p.expect(probe, health.Unknown, "no instance has reported yet"+remedy)
	p.beat("orders", "a", health.Healthy)
	p.beat("orders", "b", health.Healthy)
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 2.0 || d["silent"] != nil {
		t.Errorf("got %v", d)
	}
	for range 6 {
		p.at = p.at.Add(10 * time.Second)
		p.beat("orders", "a", health.Healthy)
	}
	if d := p.expect(probe, health.Degraded, "1 of 2 instances silent for up to 1 min"); d["silent"] != 1.0 {
		t.Errorf("got %v", d)
	}
	for range 60 {
		p.at = p.at.Add(10 * time.Second)
		p.beat("orders", "a", health.Healthy)
	}
	// It has expired.
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 1.0 {
		t.Errorf("got %v", d)
	}
	if !slices.Equal(p.discovered, []string{"orders"}) || len(p.left) != 0 {
		t.Errorf("discovered %v, left %v", p.discovered, p.left)
	}
}

// Two heartbeats that arrive at once may take the lock in the other order.
func TestHeartbeatsOutOfOrder(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", silence, downAfter, time.Time{})
	p.at = start.Add(5 * time.Second)
	p.beat("s", "a", health.Healthy)
	p.at = start
	p.beat("s", "a", health.Healthy)
	p.at = start.Add(5*time.Second + silence)
	p.expect(probe, health.Healthy, "")
	p.at = p.at.Add(time.Second)
	p.expect(probe, health.Unknown, "silent for 31 s"+remedy)
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name   string
		beats  func(*testFleet)
		status health.Status
		reason string
	}{
		{"down", func(p *testFleet) { p.beat("s", "a", health.Down, "redis=down", "ok=healthy") }, health.Down, "redis is down: redis is not well"},
		{"down without a reason", func(p *testFleet) { p.beat("s", "a", health.Down) }, health.Down, "says it is down"},
		{"degraded without a reason", func(p *testFleet) { p.beat("s", "a", health.Degraded) }, health.Degraded, "says it is degraded"},
		{"one of two down", func(p *testFleet) {
			p.beat("s", "a", health.Down, "redis=down")
			p.beat("s", "b", health.Healthy, "redis=healthy")
		}, health.Degraded, "1 of 2 instances down; redis is down: redis is not well"},
		{"both down", func(p *testFleet) {
			p.beat("s", "a", health.Down)
			p.beat("s", "b", health.Down)
		}, health.Down, "2 of 2 instances down"},
		{"one down, one degraded", func(p *testFleet) {
			p.beat("s", "a", health.Down)
			p.beat("s", "b", health.Degraded)
		}, health.Degraded, "1 of 2 instances down; 1 of 2 instances degraded"},
		{"unknown", func(p *testFleet) { p.beat("s", "a", health.Unknown) }, health.Unknown, "no instance knows its health; see the checks of each"},
		{"many checks", func(p *testFleet) {
			p.beat("s", "a", health.Down, "a=down", "b=degraded", "c=unknown", "d=down", "e=down")
		}, health.Down, "a is down: a is not well; d is down: d is not well; e is down: e is not well; …"},
		{"well again", func(p *testFleet) {
			p.beat("s", "a", health.Down)
			p.beat("s", "a", health.Healthy)
		}, health.Healthy, ""},
		{"of another service", func(p *testFleet) {
			p.beat("s", "a", health.Healthy)
			p.beat("other", "a", health.Down)
		}, health.Healthy, ""},
		{"of no service", func(p *testFleet) {
			p.beat("s", "a", health.Healthy)
			p.Observe(&wire.Batch{Instance: "x", Kind: wire.Present}, p.at)
			p.Observe(&wire.Batch{Instance: "x", Kind: wire.Present, Health: []wire.HealthResult{{Check: "redis", Status: health.Down}}}, p.at)
		}, health.Healthy, ""},
	} {
		p := newTestFleet(t, Limits{})
		probe := p.Probe("s", silence, downAfter, time.Time{})
		c.beats(p)
		t.Log(c.name)
		p.expect(probe, c.status, c.reason)
	}
}

func TestDetails(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", silence, downAfter, time.Time{})
	p.beat("s", "a", health.Healthy, "redis=healthy")
	p.beat("s", "b", health.Degraded, "redis=degraded")
	d := p.expect(probe, health.Degraded, "1 of 2 instances degraded; redis is degraded: redis is not well")
	want := map[string]any{"status": "degraded", "reason": "redis is not well", "response_time_ms": 5.0}
	if got := d["checks"].(map[string]any)["redis"]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want the worst: %v", got, want)
	}
	// However many there are, the worst are shown, and how many more there are.
	var checks []string
	for i := range 300 {
		checks = append(checks, fmt.Sprintf("%s-%03d=healthy", strings.Repeat("x", 20), i))
	}
	checks = append(checks, "zzz=down")
	p.beat("s", "a", health.Down, checks...)
	p.beat("s", "b", health.Healthy, "redis=healthy")
	d = p.expect(probe, health.Degraded, "1 of 2 instances down; zzz is down: zzz is not well")
	shown := d["checks"].(map[string]any)
	if shown["zzz"] == nil || len(shown)+int(d["more"].(float64)) != 302 {
		t.Errorf("%d shown, %v more", len(shown), d["more"])
	}
}

func TestLeaving(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", silence, downAfter, time.Time{})
	p.beat("s", "a", health.Healthy)
	p.beat("s", "b", health.Healthy)
	p.farewell("s", "b")
	p.farewell("s", "b")
	p.farewell("s", "stranger")
	p.farewell("stranger", "a")
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 1.0 || len(p.left) != 0 || !p.Known("s") {
		t.Errorf("%v, left %v", d, p.left)
	}
	p.farewell("s", "a")
	if !slices.Equal(p.left, []string{"s"}) || p.Known("s") {
		t.Errorf("left %v", p.left)
	}
	p.beat("s", "c", health.Healthy)
	if !slices.Equal(p.discovered, []string{"s", "s"}) {
		t.Errorf("discovered %v", p.discovered)
	}

	// An expected one is missed.
	named := p.Probe("named", silence, downAfter, p.at)
	p.beat("named", "a", health.Healthy)
	p.farewell("named", "a")
	p.expect(named, health.Degraded, "its last instance stopped; start one")
	p.at = p.at.Add(silence + time.Second)
	p.expect(named, health.Unknown, "its last instance stopped; start one")
	p.at = p.at.Add(time.Minute)
	p.expect(named, health.Down, "its last instance stopped; start one")
	p.beat("named", "b", health.Healthy)
	p.expect(named, health.Healthy, "")
	if !p.Known("named") || slices.Contains(p.left, "named") {
		t.Errorf("left %v", p.left)
	}
}

// A service that is not expected is forgotten after a day of silence.
func TestSweep(t *testing.T) {
	p := newTestFleet(t, Limits{})
	p.Probe("named", silence, downAfter, p.at)
	p.beat("s", "a", health.Healthy)
	p.at = p.at.Add(24 * time.Hour)
	p.Sweep()
	if !p.Known("s") {
		t.Error("forgotten too early")
	}
	p.at = p.at.Add(time.Second)
	p.Sweep()
	if p.Known("s") || !p.Known("named") || !slices.Equal(p.left, []string{"s"}) {
		t.Errorf("left %v", p.left)
	}
	// One that is expected since it was discovered stays.
	p.beat("late", "a", health.Healthy)
	p.Probe("late", silence, downAfter, p.at)
	p.at = p.at.Add(25 * time.Hour)
	p.Sweep()
	if !p.Known("late") {
		t.Error("an expected service was forgotten")
	}
}

func TestBounds(t *testing.T) {
	p := newTestFleet(t, Limits{Services: 2, Instances: 3})
	for i := range 4 {
		p.beat(fmt.Sprint("service-", i), "a", health.Healthy)
	}
	if len(p.discovered) != 2 || p.Refused() != 2 || p.Known("service-3") {
		t.Errorf("discovered %v, refused %d", p.discovered, p.Refused())
	}
	probe := p.Probe("service-0", silence, downAfter, time.Time{})
	for i := range 5 {
		p.beat("service-0", fmt.Sprint("instance-", i), health.Healthy)
	}
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 3.0 {
		t.Errorf("got %v", d)
	}
	// Those that are silent make room.
	p.at = p.at.Add(silence + time.Second)
	for i := range 3 {
		p.beat("service-0", fmt.Sprint("new-", i), health.Healthy)
	}
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 3.0 {
		t.Errorf("got %v", d)
	}
	// An instance counts even if there is no room for its checks.
	small := newTestFleet(t, Limits{Bytes: 2 * minInstanceBytes})
	probe = small.Probe("s", silence, downAfter, time.Time{})
	small.beat("s", "a", health.Healthy, "redis=healthy", strings.Repeat("x", 90)+"=healthy", strings.Repeat("y", 90)+"=healthy", strings.Repeat("z", 90)+"=healthy")
	if d := small.expect(probe, health.Healthy, ""); d["checks"] != nil || small.Refused() != 1 {
		t.Errorf("%v, refused %d", d, small.Refused())
	}
	small.beat("t", "a", health.Healthy)
	small.beat("u", "a", health.Healthy)
	if small.Known("u") {
		t.Error("a service beyond the bound")
	}
	// The memory comes back when they go.
	small.farewell("s", "a")
	small.farewell("t", "a")
	small.beat("u", "a", health.Healthy)
	if !small.Known("u") {
		t.Error("no room, though all others left")
	}
}

// An observer may subscribe at any time, and learns of later changes. It may call the
// fleet, which holds no lock meanwhile.
func TestSeveralObservers(t *testing.T) {
	f := New(Limits{}, func() time.Time { return start })
	var wg sync.WaitGroup
	send := func(service string, kind wire.Kind) {
		f.Observe(&wire.Batch{Instance: "a", Kind: kind, Health: []wire.HealthResult{{Service: service, Status: health.Healthy}}}, start)
	}
	wg.Go(func() { // Before there are observers, and while they are added.
		for i := range 100 {
			send(fmt.Sprint("early-", i), wire.Present)
		}
	})
	var calls []string
	wg.Go(func() {
		for _, observer := range []string{"first", "second"} {
			f.OnChange(func(service string) {
				if service == "s" {
					calls = append(calls, fmt.Sprint(observer, " ", f.Known(service)))
				}
			})
		}
	})
	wg.Wait()
	send("s", wire.Present)
	send("s", wire.Present)
	send("s", wire.Leaving)
	if want := []string{"first true", "second true", "first false", "second false"}; !slices.Equal(calls, want) {
		t.Errorf("calls %q; want %q", calls, want)
	}
}
