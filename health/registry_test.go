package health

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"net/http/httptest"
)

// dependency is something to probe whose state tests set.
type dependency struct {
	mu   sync.Mutex
	err  error
	took time.Duration
	hang bool // until the context is done
	deaf bool // hang on even then, until freed
	free chan struct{}

	runs, at, most atomic.Int64
}

func (d *dependency) set(f func(*dependency)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d)
}

func (d *dependency) probe() Probe {
	return Func(func(ctx context.Context) error {
		d.runs.Add(1)
		d.most.Store(max(d.most.Load(), d.at.Add(1)))
		defer d.at.Add(-1)
		d.mu.Lock()
		err, took, hang, deaf := d.err, d.took, d.hang, d.deaf
		d.mu.Unlock()
		switch {
		case deaf:
			<-d.free
		case hang:
			<-ctx.Done()
			return ctx.Err()
		case took > 0:
			select {
			case <-time.After(took):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return err
	})
}

var errGone = errors.New("connection refused")

// only returns the report on the only check.
func only(t *testing.T, r *Registry) CheckReport {
	t.Helper()
	report := r.Report()
	if len(report.Checks) != 1 {
		t.Fatalf("%d checks, want 1", len(report.Checks))
	}
	return report.Checks[0]
}

func register(t *testing.T, r *Registry, name string, p Probe, opts ...Option) {
	t.Helper()
	if err := r.Register(name, p, opts...); err != nil {
		t.Fatal(err)
	}
}

func closeRegistry(t *testing.T, r *Registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

// until waits for the only check to have the status and returns how long it took.
func until(t *testing.T, r *Registry, want Status, limit time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	for only(t, r).Status != want {
		if time.Since(begun) > limit {
			t.Fatalf("still %v after %s, want %v", only(t, r).Status, limit, want)
		}
		time.Sleep(10 * time.Millisecond) // of the bubble's time
	}
	return time.Since(begun)
}

func TestCheckFromFirstToLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		d := &dependency{took: 3 * time.Millisecond}
		register(t, &r, "database", d.probe(), Every(10*time.Second), Critical())
		before := only(t, &r)
		if before.Status != Unknown || before.Reason != "not checked yet" || !before.CheckedAt.IsZero() || !before.Since.IsZero() {
			t.Errorf("before the first run: %+v", before)
		}
		if whole := r.Report().Status; whole != Degraded {
			t.Errorf("before the first run the whole is %v, want degraded: it was not seen healthy yet", whole)
		}
		begun := time.Now()
		for only(t, &r).Runs == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		if c := only(t, &r); c.Status != Unknown || c.Reason != "not confirmed yet" {
			t.Errorf("after the first run: %+v", c)
		}
		until(t, &r, Healthy, 2100*time.Millisecond-time.Since(begun))
		c := only(t, &r)
		if c.Latency != 3*time.Millisecond || c.Runs != 2 || c.Reason != "" || c.Kind != "func" || !c.Critical ||
			c.Since != c.CheckedAt || c.CheckedAt.Before(begun) || c.CheckedAt.After(time.Now()) {
			t.Errorf("after two runs: %+v", c)
		}
		if whole := r.Report().Status; whole != Healthy {
			t.Errorf("the whole is %v", whole)
		}
		closeRegistry(t, &r)
		runs := d.runs.Load()
		time.Sleep(time.Minute)
		if d.runs.Load() != runs {
			t.Error("it ran after Close")
		}
		if c := only(t, &r); c.Status != Healthy {
			t.Errorf("after Close: %+v", c)
		}
		if err := r.Register("late", d.probe()); !errors.Is(err, ErrClosed) {
			t.Errorf("Register after Close: %v", err)
		}
	})
}

func TestLatencyBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		d := &dependency{took: 60 * time.Millisecond}
		register(t, &r, "redis", d.probe(), DegradedOver(50*time.Millisecond))
		until(t, &r, Degraded, 2*time.Second+200*time.Millisecond)
		if c := only(t, &r); c.Reason != "took 60 ms, over 50 ms" || c.Latency != 60*time.Millisecond {
			t.Errorf("got %+v", c)
		}
		d.set(func(d *dependency) { d.took = 50 * time.Millisecond })
		until(t, &r, Healthy, 20*time.Second)
		// A failure is worse than a broken budget.
		d.set(func(d *dependency) { d.took, d.err = 60*time.Millisecond, errGone })
		until(t, &r, Down, 20*time.Second)
		closeRegistry(t, &r)
	})
}

func TestCritical(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		database, cache := &dependency{}, &dependency{}
		register(t, &r, "database", database.probe(), Critical())
		register(t, &r, "cache", cache.probe())
		for _, c := range []struct {
			database, cache error
			want            Status
			ready           bool
		}{
			{nil, nil, Healthy, true},
			{nil, errGone, Degraded, true},
			{errGone, errGone, Down, false},
			{errGone, nil, Down, false},
			{Degradedf("slow"), nil, Degraded, true},
			{Unknownf("who knows"), nil, Degraded, true},
			{nil, nil, Healthy, true},
		} {
			database.set(func(d *dependency) { d.err = c.database })
			cache.set(func(d *dependency) { d.err = c.cache })
			time.Sleep(time.Minute)
			report := r.Report()
			ready, _ := report.Ready()
			if report.Status != c.want || ready != c.ready {
				t.Errorf("database %v, cache %v: %v, ready %v", c.database, c.cache, report.Status, ready)
			}
			if live, _ := report.Live(); !live {
				t.Error("liveness depends on a dependency")
			}
		}
		closeRegistry(t, &r)
	})
}

func TestProbesOfThreeKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		report := r.Report()
		if ok, _ := report.Ready(); !ok || report.Status != Healthy {
			t.Error("a service that depends on nothing is not ready, or not healthy")
		}
		var deadlock atomic.Bool
		register(t, &r, "loop", Self(func(context.Context) error {
			if deadlock.Load() {
				return errors.New("the loop has not turned for 1m0s")
			}
			return nil
		}), Liveness())
		register(t, &r, "database", (&dependency{err: errGone}).probe(), Critical())
		report = r.Report()
		if ok, failing := report.Started(); ok || len(failing) != 2 {
			t.Errorf("started before the first runs: %v", failing)
		}
		if ok, failing := report.Ready(); ok || len(failing) != 1 || failing[0] != "database" {
			t.Errorf("ready before its database was seen: %v", failing)
		}
		time.Sleep(time.Minute)
		report = r.Report()
		if ok, failing := report.Started(); !ok {
			t.Errorf("not started because of what a dependency is like: %v", failing)
		}
		if ok, _ := report.Live(); !ok {
			t.Error("not live because of a dependency")
		}
		deadlock.Store(true)
		time.Sleep(time.Minute)
		report = r.Report()
		if ok, failing := report.Live(); ok || failing[0] != "loop" {
			t.Errorf("live in spite of its liveness check: %v", failing)
		}
		r.Unregister("database")
		deadlock.Store(false)
		time.Sleep(time.Minute)
		report = r.Report()
		if ok, _ := report.Ready(); !ok {
			t.Error("not ready, though nothing is wrong")
		}
		r.Drain()
		report = r.Report()
		if ok, _ := report.Ready(); ok || !report.Draining {
			t.Error("ready though it is about to stop")
		}
		if ok, _ := report.Live(); !ok {
			t.Error("not live because it is about to stop")
		}
		closeRegistry(t, &r)
	})
}

func TestUnregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		closed := 0
		d := &dependency{hang: true}
		p := d.probe()
		p.Close = func() error { closed++; return nil }
		register(t, &r, "a", p, Every(time.Second))
		time.Sleep(2100 * time.Millisecond)
		if !r.Unregister("a") || r.Unregister("a") {
			t.Error("Unregister does not report whether the check was there")
		}
		if runs := d.at.Load(); runs != 0 || closed != 1 {
			t.Errorf("%d runs under way, closed %d times", runs, closed)
		}
		if len(r.Report().Checks) != 0 {
			t.Error("it is still reported")
		}
		register(t, &r, "a", p, Every(time.Second))
		closeRegistry(t, &r)
		if closed != 2 {
			t.Errorf("closed %d times", closed)
		}
	})
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []Observation
		var r Registry
		r.Observe(func(o Observation) { seen = append(seen, o) })
		d := &dependency{took: time.Millisecond}
		register(t, &r, "database", d.probe(), Critical(), Thresholds(1, 1))
		until(t, &r, Healthy, 2*time.Second)
		d.set(func(d *dependency) { d.err = errGone })
		until(t, &r, Down, 20*time.Second)
		closeRegistry(t, &r)
		last := seen[len(seen)-1]
		if last.Name != "database" || last.Kind != "func" || !last.Critical || last.Before != Healthy ||
			last.State.Status != Down || last.Status != Down || last.Reason != "connection refused" ||
			last.Latency != time.Millisecond || last.State.Since != last.At {
			t.Errorf("got %+v", last)
		}
		if first := seen[0]; first.Before != Unknown || first.State.Status != Healthy {
			t.Errorf("got %+v", first)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	for name, p := range map[string]Probe{
		"of the probe": Func(func(context.Context) error { panic("oh") }),
		"of its details": {Run: func(context.Context) (Details, error) {
			return Details{"a": bad{}}, nil
		}},
	} {
		f, err := Run(t.Context(), p)
		if err != nil || f.Status != Down || f.Reason != "the check panicked: oh" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

type bad struct{}

func (bad) MarshalText() ([]byte, error) { panic("oh") }

func TestRegisterRefuses(t *testing.T) {
	var r Registry
	ok := Func(func(context.Context) error { return nil })
	register(t, &r, "taken", ok)
	for _, c := range []struct {
		name  string
		probe Probe
		opts  []Option
		want  string
	}{
		{"", ok, nil, `check "": name: must be 1 to 100 bytes of UTF-8`},
		{strings.Repeat("x", 101), ok, nil, "name: must be 1 to 100 bytes"},
		{"a\xff", ok, nil, "name: must be 1 to 100 bytes of UTF-8"},
		{"a\nb", ok, nil, "name: contains U+000A, a control character or one that cannot be seen"},
		{"taken", ok, nil, `check "taken": there is already a check with that name`},
		{"a", Probe{}, nil, "probe: has no Run function"},
		{"a", ok, []Option{Every(time.Millisecond)}, "interval: is 1ms; must be at least 100ms"},
		{"a", ok, []Option{Every(-time.Second)}, "interval: is -1s"},
		{"a", ok, []Option{Every(time.Second), Timeout(2 * time.Second)}, "timeout: is 2s; must be above 0 and at most the interval, 1s"},
		{"a", ok, []Option{Timeout(-1)}, "timeout: is -1ns"},
		{"a", ok, []Option{DegradedOver(2 * time.Second)}, "degraded_over: is 2s; must be less than the timeout, 2s"},
		{"a", ok, []Option{DegradedOver(-1)}, "degraded_over: is -1ns"},
		{"a", ok, []Option{Thresholds(-1, 2)}, "failures: is -1; must be from 1 to 100"},
		{"a", ok, []Option{Thresholds(1, 101)}, "successes: is 101; must be from 1 to 100"},
		{"a", ok, []Option{Liveness()}, "liveness: a liveness check may probe this process only"},
	} {
		if err := r.Register(c.name, c.probe, c.opts...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.name, err, c.want)
		}
		if _, err := Run(t.Context(), c.probe, c.opts...); err == nil && c.opts != nil {
			t.Errorf("Run takes what Register refuses: %s", c.want)
		}
	}
	if n := len(r.Report().Checks); n != 1 {
		t.Errorf("%d checks, want the first alone", n)
	}
	if err := r.Register("a", (&dependency{}).probe(), Liveness()); !errors.Is(err, ErrLocalOnly) {
		t.Errorf("%v is not ErrLocalOnly", err)
	}
	register(t, &r, "b", ok, nil)
	w := httptest.NewRecorder()
	if r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/health/live", nil)); w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
	closeRegistry(t, &r)
	var empty Registry
	closeRegistry(t, &empty)
}
