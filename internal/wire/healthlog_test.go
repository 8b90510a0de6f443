package wire

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
)

var epoch = time.UnixMilli(1_795_000_000_000)

// seen is an observation some seconds after the epoch.
func seen(second float64, status health.Status) health.Observation {
	o := health.Observation{Name: "redis", Interval: 10 * time.Second}
	o.At = epoch.Add(time.Duration(second * float64(time.Second)))
	o.State.Status, o.Result.Status = status, status
	o.Latency = 5 * time.Millisecond
	if status != health.Healthy {
		o.Reason = "refused"
	}
	return o
}

// text says the results in short: status, span in seconds, failures of runs.
func text(results []HealthResult) string {
	s := ""
	for _, h := range results {
		s += fmt.Sprintf("%v %g-%g %d/%d; ", h.Status, float64(h.From-epoch.UnixMilli())/1e3, float64(h.To-epoch.UnixMilli())/1e3,
			h.Failures, h.Latency.Count())
	}
	return s
}

func TestHealthLog(t *testing.T) {
	const (
		h, g, d, u = health.Healthy, health.Degraded, health.Down, health.Unknown
		take       = 99
	)
	ran := func(s health.Status) health.Status { return (s + 1) << 4 } // what the run found, if not the status
	type step struct {
		second float64
		status health.Status
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []string // of each take, and at the end of all there is
	}{
		{"nothing", []step{{0, take}}, []string{"", ""}},
		{"news come at once, and then once a minute",
			[]step{{0, h}, {0, take}, {10, h}, {0, take}, {20, h}, {40, h}, {0, take}, {60, h}, {0, take}, {70, h}},
			[]string{"healthy 0-0 0/1; ", "", "", "healthy 0-60 0/4; ", "healthy 60-70 0/1; "}},
		{"a transition ends one and begins the other",
			[]step{{0, h}, {0, take}, {10, h}, {20, d}, {0, take}, {30, d}},
			[]string{"healthy 0-0 0/1; ", "healthy 0-20 0/1; down 20-20 1/1; ", "down 20-30 1/1; "}},
		{"unknown is a gap",
			[]step{{0, h}, {10, h}, {20, u}, {30, u}, {40, h}},
			[]string{"healthy 0-10 0/2; healthy 40-40 0/1; "}},
		{"and so is a pause of the process",
			[]step{{0, h}, {25, h}, {51, h}},
			[]string{"healthy 0-25 0/2; healthy 51-51 0/1; "}},
		{"runs that differ from the status are a result of their own",
			[]step{{0, h}, {10, h}, {20, h | ran(d)}, {30, h}, {40, h}, {0, take}, {50, h | ran(g)}},
			[]string{"healthy 0-20 1/3; healthy 20-40 0/2; ", "healthy 40-50 1/1; "}},
		{"what came before the first status is in its first result",
			[]step{{0, u | ran(d)}, {10, u | ran(d)}, {20, u}, {30, u | ran(h)}, {0, take}, {40, h}, {50, h}},
			[]string{"", "healthy 40-40 2/2; healthy 40-50 0/3; "}},
		{"and so it is if all of them were alike",
			[]step{{0, u | ran(d)}, {10, d}, {0, take}},
			[]string{"down 10-10 2/2; ", ""}},
		{"without a status, there is nothing",
			[]step{{0, u | ran(d)}, {10, u | ran(d)}},
			[]string{""}},
		{"a clock that is set back",
			[]step{{100, h}, {110, h}, {0, take}, {50, h}, {60, d}, {120, d}},
			[]string{"healthy 100-110 0/2; ", "healthy 110-110 0/1; down 110-120 2/2; "}},
	} {
		l := NewHealthLog("")
		var got []string
		for _, s := range c.steps {
			if s.status == take {
				got = append(got, text(l.Take(false)))
				continue
			}
			o := seen(s.second, s.status&15)
			if found := s.status >> 4; found > 0 {
				o.Result.Status = found - 1
			}
			l.Observe(o)
		}
		got = append(got, text(l.Take(true)))
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s:\n%q, want\n%q", c.name, got, c.want)
		}
		if again := l.Take(true); len(again) != 0 {
			t.Errorf("%s: taken twice: %s", c.name, text(again))
		}
	}
}

// A status that is not healthy has its reason, even where it goes on for runs
// that were healthy, too few of them to end it.
func TestHealthLogKeepsTheReason(t *testing.T) {
	l := NewHealthLog("")
	l.Observe(seen(0, health.Down))
	l.Take(false)
	o := seen(10, health.Down)
	o.Result.Status, o.Reason = health.Healthy, ""
	l.Observe(o)
	if got := l.Take(true); len(got) != 1 || got[0].Reason != "refused" || got[0].Failures != 0 {
		t.Errorf("got %+v", got)
	}
	l.Observe(seen(20, health.Healthy))
	if got := l.Take(true); len(got) != 2 || got[0].Reason != "refused" || got[1].Reason != "" {
		t.Errorf("got %+v", got)
	}
}

// A service has a status by its heartbeats, and no runs. That it left is the last result
// of it.
func TestHealthLogOfServices(t *testing.T) {
	l := NewHealthLog("")
	service := func(name string, second float64, status health.Status) {
		o := seen(second, status)
		o.Name, o.Details = name, []byte(`{"instances":1}`)
		l.ObserveService("redis", o)
	}
	describe := func(results []HealthResult) (s string) {
		for i := range results {
			h := &results[i]
			s += fmt.Sprintf("%q %q %v %v; ", h.Service, h.Check, h.HasLeft(), text(results[i:i+1]))
		}
		return s
	}
	service("redis", 0, health.Healthy)
	service("service/redis", 0.5, health.Down)
	if got, want := describe(l.Take(false)), `"redis" "" false healthy 0-0 0/0; ; "" "service/redis" false down 0.5-0.5 0/0; ; `; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	service("redis", 10, health.Healthy)
	service("redis", 20, health.Down)
	service("service/redis", 20, health.Down)
	l.Left("redis", "redis", epoch.Add(21*time.Second))
	l.Left("redis", "service/redis", epoch.Add(22*time.Second))
	l.Left("other", "other", epoch.Add(23*time.Second))
	want := `"redis" "" false healthy 0-20 0/0; ; "" "service/redis" true down 0.5-22 0/0; ; ` +
		`"redis" "" true down 20-21 0/0; ; "other" "" true degraded 23-23 0/0; ; `
	got := l.Take(true)
	if describe(got) != want {
		t.Errorf("%s, want\n%s", describe(got), want)
	}
	b := Batch{Instance: "a", Health: got}
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
}

// What it gives out is valid, however long the interval is.
func TestHealthLogOfLongIntervals(t *testing.T) {
	l := NewHealthLog("orders")
	for i := range 4 {
		o := seen(float64(i)*5*3600, health.Healthy)
		o.Interval = 5 * time.Hour
		l.Observe(o)
	}
	b := Batch{Instance: "a", Health: l.Take(true)}
	if err := b.Validate(); err != nil {
		t.Error(err)
	}
	runs := uint64(0)
	for i, h := range b.Health {
		if i > 0 && h.From != b.Health[i-1].To {
			t.Errorf("a gap before %+v", h)
		}
		runs += h.Latency.Count()
	}
	if n := len(b.Health); runs != 4 || b.Health[n-1].To-b.Health[0].From != 15*time.Hour.Milliseconds() {
		t.Errorf("%d runs in %s", runs, text(b.Health))
	}
}

func TestHealthLogKeepsEveryField(t *testing.T) {
	l := NewHealthLog("orders")
	o := seen(0, health.Down)
	o.Critical, o.State.Flapping, o.Reason, o.Details = true, true, "two\nlines", []byte(`{"a":1}`)
	l.Observe(o)
	got := l.Take(false)[0]
	if got.Name() != "orders/redis" || !got.Critical || !got.Flapping || got.Reason != "two\uFFFDlines" || got.Details != `{"a":1}` ||
		got.Latency.Max() != int64(5*time.Millisecond) {
		t.Errorf("got %+v", got)
	}
}

func TestHealthLogIsBounded(t *testing.T) {
	l := NewHealthLog("")
	for i := range maxClosed + 10 {
		l.Observe(seen(float64(i), []health.Status{health.Healthy, health.Down}[i%2]))
	}
	n := 0
	for results := l.Take(true); len(results) > 0; results = l.Take(true) {
		if len(results) > MaxHealth {
			t.Fatalf("%d at once", len(results))
		}
		n += len(results)
	}
	if n != maxClosed || l.Dropped() != 10 {
		t.Errorf("%d taken, %d dropped", n, l.Dropped())
	}
	l.Observe(seen(1e6, health.Healthy))
	l.Forget("redis")
	l.Forget("none")
	if got := text(l.Take(false)); got != "healthy 1e+06-1e+06 0/1; " {
		t.Errorf("forgotten: %s", got)
	}
}

// A flapping check makes one transition, not a storm of rows.
func TestAlternatingCheckMakesNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewHealthLog("")
		var r health.Registry
		r.Observe(l.Observe)
		var runs atomic.Int64
		err := r.Register("redis", health.Func(func(context.Context) error {
			if n := runs.Add(1); n > 2 && n%2 == 0 {
				return errors.New("refused")
			}
			return nil
		}), health.Every(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		var rows []HealthResult
		for range 600 {
			time.Sleep(time.Second)
			rows = append(rows, l.Take(false)...)
		}
		transitions := 0
		for i := 1; i < len(rows); i++ {
			if rows[i].Status != rows[i-1].Status {
				transitions++
			}
			if rows[i].From != rows[i-1].To {
				t.Errorf("a gap between rows %d and %d", i-1, i)
			}
		}
		last := rows[len(rows)-1]
		if transitions != 1 || !last.Flapping || last.Status != health.Degraded || len(rows) > 16 {
			t.Errorf("%d transitions in %d rows of %d runs, at last %+v", transitions, len(rows), runs.Load(), last)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	r := health.Report{Status: health.Degraded, Time: epoch, Checks: []health.CheckReport{
		{Name: "redis", Critical: true, State: health.State{Status: health.Down, Flapping: true, Since: epoch.Add(-time.Hour)},
			Runs: 3, Latency: time.Second, Reason: "refused", Details: []byte(`{"a":1}`)},
		{Name: "models", Reason: "not checked yet"},
	}}
	b := Batch{Instance: "a", Kind: Present, Health: Heartbeat("orders", r)}
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	whole, redis, models := b.Health[0], b.Health[1], b.Health[2]
	if whole.Name() != "orders" || whole.Status != health.Degraded || whole.To != epoch.UnixMilli() {
		t.Errorf("got %+v", whole)
	}
	if redis.Name() != "orders/redis" || redis.Status != health.Down || !redis.Flapping || !redis.Critical || redis.Reason != "refused" ||
		redis.To-redis.From != time.Hour.Milliseconds() || redis.Latency.Max() != int64(time.Second) || redis.Details != `{"a":1}` {
		t.Errorf("got %+v", redis)
	}
	if models.Status != health.Unknown || models.Latency.Count() != 0 || models.From != models.To {
		t.Errorf("got %+v", models)
	}
	r.Checks = make([]health.CheckReport, 2*MaxHealth)
	if n := len(Heartbeat("orders", r)); n != MaxHealth {
		t.Errorf("%d results", n)
	}
}
