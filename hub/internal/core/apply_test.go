package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// names returns the names of the checks that there are.
func names(h *Hub) string {
	var all []string
	for _, c := range h.Health().Checks {
		all = append(all, c.Name)
	}
	return strings.Join(all, " ")
}

func apply(t *testing.T, h *Hub, s setup) {
	t.Helper()
	if err := h.Apply(s.config(t)); err != nil {
		t.Fatal(err)
	}
}

// An unchanged check keeps running with its state; a removed one is gone, but its history
// is kept; a new or changed one starts afresh.
func TestApplyChangesChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := storetest.NewOracle()
		silence := config.Service{Name: "orders", Silence: 20 * time.Second, DownAfter: time.Minute}
		h := open(t, lasting{st}, setup{now: time.Now,
			checks:   []config.Check{check("stays", disk, time.Second), check("leaves", disk, time.Second), check("changes", disk, time.Second)},
			services: []config.Service{silence},
		})
		time.Sleep(10 * time.Second)
		if got := names(h); got != "changes leaves orders stays" {
			t.Fatal(got)
		}
		before, _ := state(h, "stays")
		silent, _ := state(h, "orders")
		changed, _ := state(h, "changes")
		broken := config.Spec{Type: "disk", Path: "/no/such/directory"}
		apply(t, h, setup{
			checks:   []config.Check{check("enters", broken, time.Second), check("stays", disk, time.Second), check("changes", disk, 2*time.Second)},
			services: []config.Service{silence},
		})
		if got := names(h); got != "changes enters orders stays" {
			t.Error(got)
		}
		if c, _ := state(h, "changes"); c.Runs != changed.Runs || !c.Since.Equal(changed.Since) || changed.Runs == 0 {
			t.Errorf("the check whose rules changed was %+v, and is %+v", changed, c)
		}
		time.Sleep(10 * time.Second)
		if c, _ := state(h, "stays"); !c.Since.Equal(before.Since) || c.Runs < before.Runs+9 {
			t.Errorf("it was %+v, and is %+v", before, c)
		}
		if c, _ := state(h, "orders"); !c.Since.Equal(silent.Since) || c.Runs < silent.Runs+9 {
			t.Errorf("it was %+v, and is %+v", silent, c)
		}
		if c, _ := state(h, "enters"); c.Status != health.Down {
			t.Errorf("got %+v", c)
		}
		closeHub(t, h)
		for _, name := range []string{"stays", "leaves", "changes", "enters"} {
			if len(storetest.Health(t, st, store.HealthQuery{Window: ever, Name: name})) == 0 {
				t.Errorf("%s has no history", name)
			}
		}
	})
}

// A service may be configured, discovered by its heartbeats, or lose its name to a check,
// at any time; its heartbeats are kept.
func TestApplyChangesServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, storetest.NewOracle(), setup{now: time.Now, services: []config.Service{{Name: "absent"}}})
		heartbeat := func() {
			t.Helper()
			if err := h.Ship(t.Context(), present("orders", "a", wire.Present, health.Healthy)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		is := func(want string) {
			t.Helper()
			if got := names(h); got != want {
				t.Errorf("checks %q, want %q", got, want)
			}
		}
		heartbeat()
		is("absent orders")
		apply(t, h, setup{services: []config.Service{{Name: "orders", Silence: 5 * time.Second}}})
		is("orders") // what never came and is not named any more is forgotten
		heartbeat()
		time.Sleep(6 * time.Second)
		if c, _ := state(h, "orders"); c.Status != health.Unknown {
			t.Errorf("by its own rule it is silent, and is %+v", c)
		}
		apply(t, h, setup{checks: []config.Check{check("orders", disk, time.Second)}})
		is("orders service/orders")
		heartbeat()
		if c, _ := state(h, "service/orders"); c.Status != health.Healthy {
			t.Errorf("got %+v", c)
		}
		apply(t, h, setup{})
		heartbeat()
		is("orders") // its own name is free again
		if err := h.Ship(t.Context(), present("orders", "a", wire.Leaving, health.Healthy)); err != nil {
			t.Fatal(err)
		}
		is("")
		heartbeat()
		is("")
		time.Sleep(time.Hour)
		heartbeat()
		is("orders")
	})
}

// The hub's own checks give way to names of the configuration.
func TestApplyTakesTheNameOfAnOwnCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, &distant{Oracle: storetest.NewOracle()}, setup{now: time.Now})
		apply(t, h, setup{checks: []config.Check{check("store", disk, time.Second)}})
		time.Sleep(6 * time.Second)
		if got := names(h); got != "kymo-store store" {
			t.Error(got)
		}
		if c, _ := state(h, "kymo-store"); c.Kind != "store" || c.Runs == 0 {
			t.Errorf("got %+v", c)
		}
	})
}

func TestApplyChangesTheRest(t *testing.T) {
	f := &faulty{}
	ticks := make(chan time.Time)
	h := open(t, f, setup{ticks: ticks, tokens: config.Tokens{Read: "old"}})
	asked := func(token string) int {
		r := httptest.NewRequest("GET", "http://localhost/metrics/performance", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if before, after := asked("old"), asked("new"); before != 200 || after != 401 {
		t.Errorf("before the change: %d, %d", before, after)
	}
	apply(t, h, setup{tokens: config.Tokens{Read: "new"}, retention: config.Retention{Age: 2 * time.Hour}})
	if before, after := asked("old"), asked("new"); before != 401 || after != 200 {
		t.Errorf("after the change: %d, %d", before, after)
	}
	ticks <- noon
	ticks <- noon
	closeHub(t, h)
	if want := noon.Add(-2 * time.Hour).UnixMilli(); len(f.pruned) == 0 || f.pruned[0] != want {
		t.Errorf("pruned before %v, want %d", f.pruned, want)
	}
	if err := h.Apply(setup{}.config(t)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestApplyChangesWhatIsSlow(t *testing.T) {
	h := open(t, storetest.NewOracle(), setup{slow: report.Slow{Target: time.Minute, MinSamples: 1}})
	if err := h.Ship(t.Context(), encoded("web", 1, "/a")); err != nil {
		t.Fatal(err)
	}
	if p := performance(t, h); p.SlowEndpoints != 0 {
		t.Errorf("got %+v", p)
	}
	apply(t, h, setup{slow: report.Slow{Target: time.Millisecond, MinSamples: 1}})
	if p := performance(t, h); p.SlowEndpoints != 1 {
		t.Errorf("got %+v", p)
	}
	apply(t, h, setup{retention: config.Retention{Age: time.Hour}})
	late := wire.NewBuilder()
	late.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/b", Method: "GET", Status: 200}, Start: noon.Add(-2 * time.Hour).UnixMilli()})
	if err := h.Ship(t.Context(), late.Batch("sdk", 2).AppendBinary(nil)); err != nil {
		t.Fatal(err)
	}
	if n := h.intake.Counters.Lost[ingest.TooOld].Load(); n != 1 {
		t.Errorf("%d requests are too old", n)
	}
}

// A configuration whose probes cannot be made changes nothing.
func TestApplyFails(t *testing.T) {
	h := open(t, storetest.NewOracle(), setup{checks: []config.Check{check("stays", disk, time.Second)}})
	c := setup{checks: []config.Check{check("a", disk, time.Second), check("b", disk, time.Second)}}.config(t)
	c.Checks[1].Path = "not absolute"
	if err := h.Apply(c); err == nil || names(h) != "stays" {
		t.Errorf("%v; the checks are %s", err, names(h))
	}
}

// The health shows that a configuration was refused, to callers who may see reasons, until
// one is applied.
func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, storetest.NewOracle(), setup{now: time.Now, tokens: config.Tokens{Read: "read"}, checks: []config.Check{check("disk", disk, time.Second)}})
		time.Sleep(5 * time.Second)
		for _, reason := range []string{"kymo.yaml:6: first", "kymo.yaml:7: second"} {
			h.Refuse(errors.New(reason))
			time.Sleep(2 * time.Second)
			c, _ := state(h, "config")
			if r := h.Health(); r.Status != health.Degraded || c.Status != health.Degraded || !strings.HasSuffix(c.Reason, reason) {
				t.Errorf("all is %v; %+v", r.Status, c)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/health", nil))
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "second") || !strings.Contains(w.Body.String(), `"config"`) {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		apply(t, h, setup{checks: []config.Check{check("config", disk, time.Second)}})
		if got := names(h); got != "config" {
			t.Error(got)
		}
		h.Refuse(errors.New("third"))
		if got := names(h); got != "config kymo-config" {
			t.Error(got)
		}
	})
}

// Configurations change while requests are answered, heartbeats come and the
// history is written. It is for the race detector.
func TestApplyWhileRequestsGoOn(t *testing.T) {
	h := open(t, storetest.NewOracle(), setup{now: time.Now})
	var stop atomic.Bool
	var running sync.WaitGroup
	for worker := range 3 {
		running.Go(func() {
			for i := 0; !stop.Load(); i++ {
				for _, path := range []string{"/health", "/metrics/performance", "/metrics"} {
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil))
				}
				kind := []wire.Kind{wire.Present, wire.Leaving}[i%2]
				if err := h.Ship(t.Context(), present(fmt.Sprint("service", worker), "a", kind, health.Healthy)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 30 {
		s := setup{
			slow: report.Slow{Target: time.Duration(i)}, retention: config.Retention{Age: time.Duration(i+1) * time.Hour},
			checks:   []config.Check{check("stays", disk, 100*time.Millisecond), check(fmt.Sprint("service", i%4), disk, 100*time.Millisecond)},
			services: []config.Service{{Name: fmt.Sprint("service", (i+1)%4)}},
		}
		apply(t, h, s)
		h.Refuse(errors.New("wrong"))
	}
	stop.Store(true)
	running.Wait()
	for worker := range 3 {
		if err := h.Ship(t.Context(), present(fmt.Sprint("service", worker), "b", wire.Present, health.Healthy)); err != nil {
			t.Error(err)
		}
	}
	// After the last of them, service1 is a check and service2 is named.
	if got := names(h); got != "config service/service1 service0 service1 service2 stays" {
		t.Errorf("the checks are %s", got)
	}
	apply(t, h, setup{})
	if got := names(h); got != "service0 service1 service2" {
		t.Errorf("without any in the configuration, the checks are %s", got)
	}
}

// A critical check that is down stays so while another takes its place.
func TestApplyKeepsTheStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := check("disk", config.Spec{Type: "disk", Path: "/no/such/directory"}, time.Second)
		broken.Critical = true
		h := open(t, storetest.NewOracle(), setup{now: time.Now, checks: []config.Check{broken}})
		time.Sleep(5 * time.Second)
		broken.Path = "/no/such/directory/either"
		apply(t, h, setup{checks: []config.Check{broken}})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/health", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		time.Sleep(5 * time.Second)
		if c, _ := state(h, "disk"); !strings.Contains(c.Reason, "either") {
			t.Errorf("got %+v", c)
		}
	})
}

// A probe that closes slowly delays neither a reload nor heartbeats.
func TestApplyDoesNotWaitForProbes(t *testing.T) {
	free := make(chan struct{})
	slow := config.Check{Name: "slow", Probe: health.Func(func(context.Context) error { return nil })}
	slow.Probe.Close = func() error { <-free; return nil }
	h := open(t, storetest.NewOracle(), setup{now: time.Now, checks: []config.Check{slow}})
	apply(t, h, setup{})
	if err := h.Ship(t.Context(), present("orders", "a", wire.Present, health.Healthy)); err != nil {
		t.Fatal(err)
	}
	if got := names(h); got != "orders" {
		t.Error(got)
	}
	close(free)
}

// A discovered service makes way for the check that shows a refused configuration.
func TestRefuseBesideAServiceOfThatName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, storetest.NewOracle(), setup{now: time.Now})
		if err := h.Ship(t.Context(), present("config", "a", wire.Present, health.Healthy)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			h.Refuse(errors.New("wrong"))
			time.Sleep(2 * time.Second)
			c, _ := state(h, "config")
			if got := names(h); got != "config service/config" || !strings.HasSuffix(c.Reason, "wrong") {
				t.Errorf("%s; %+v", got, c)
			}
		}
		apply(t, h, setup{})
		time.Sleep(2 * time.Second)
		if c, _ := state(h, "config"); names(h) != "config" || c.Kind == "config" {
			t.Errorf("%s; %+v", names(h), c)
		}
	})
}
