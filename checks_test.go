package kymo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

func (s *memory) healthTold() (history []wire.HealthResult, heartbeats []wire.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.health), slices.Clone(s.heartbeats)
}

// switchable returns a probe that fails while the switch is set.
func switchable() (*atomic.Bool, health.Probe) {
	var broken atomic.Bool
	return &broken, health.Func(func(context.Context) error {
		if broken.Load() {
			return errors.New("connection refused")
		}
		return nil
	})
}

func TestChecksAreShipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		broken, probe := switchable()
		m.Check("database", probe, health.Every(10*time.Second), health.Critical())
		time.Sleep(time.Minute)
		_, heartbeats := sink.healthTold()
		if n := len(heartbeats); n < 5 || n > 9 {
			t.Errorf("told %d times a minute that it is there", n)
		}
		broken.Store(true)
		time.Sleep(20 * time.Second)
		_, heartbeats = sink.healthTold()
		last := heartbeats[len(heartbeats)-1]
		if last.Kind != wire.Present || len(last.Health) != 2 || last.Instance == "" {
			t.Fatalf("got %+v", last)
		}
		whole, check := last.Health[0], last.Health[1]
		if whole.Name() != "test" || whole.Status != health.Down {
			t.Errorf("the service: %+v", whole)
		}
		if check.Name() != "test/database" || check.Status != health.Down || !check.Critical ||
			check.Reason != "connection refused" || check.Latency.Count() != 1 {
			t.Errorf("the check: %+v", check)
		}
		if report := m.Health(); report.Status != health.Down {
			t.Errorf("got %+v", report)
		}
		closeMonitor(t, m)
		history, heartbeats := sink.healthTold()
		if last := heartbeats[len(heartbeats)-1]; last.Kind != wire.Leaving {
			t.Errorf("the last word is of kind %d", last.Kind)
		}
		var statuses []health.Status
		runs, failures := uint64(0), uint64(0)
		for i, h := range history {
			if h.Name() != "test/database" {
				t.Errorf("got %+v", h)
			}
			if i > 0 && h.From != history[i-1].To {
				t.Errorf("from %d to %d, and then from %d", history[i-1].From, history[i-1].To, h.From)
			}
			statuses = append(statuses, h.Status)
			runs += h.Latency.Count()
			failures += h.Failures
		}
		if statuses = slices.Compact(statuses); !slices.Equal(statuses, []health.Status{health.Healthy, health.Down}) {
			t.Errorf("statuses %v", statuses)
		}
		if runs != m.Health().Checks[0].Runs || failures < 2 || failures > 4 {
			t.Errorf("%d runs, %d failures in the history; %d runs", runs, failures, m.Health().Checks[0].Runs)
		}
		if s := m.Stats(); s.HealthDropped != 0 || s.Recorded != 0 || len(s.Problems) != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestHealthHandler(t *testing.T) {
	m, sink := monitor(t)
	broken, probe := switchable()
	broken.Store(true)
	m.Check("database", probe, health.Every(time.Second), health.Critical(), health.Thresholds(1, 1))
	mux := http.NewServeMux()
	mux.Handle("GET /health", m.HealthHandler())
	mux.Handle("GET /health/", m.HealthHandler())
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	// A second middleware of ours around the mux changes nothing.
	server := httptest.NewServer(m.Middleware(m.Middleware(mux)))
	defer server.Close()
	get := func(path string) (int, string) {
		t.Helper()
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body struct{ Status string }
		if strings.HasPrefix(path, "/health") {
			if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
				t.Error(err)
			}
		}
		if resp.Header.Get("X-Response-Time") == "" {
			t.Errorf("%s: no X-Response-Time", path)
		}
		return resp.StatusCode, body.Status
	}
	deadline := time.Now().Add(10 * time.Second)
	for m.Health().Status != health.Down {
		if time.Now().After(deadline) {
			t.Fatal("the check did not run")
		}
		time.Sleep(time.Millisecond)
	}
	for path, want := range map[string]int{
		"/health": 503, "/health/ready": 503, "/health/live": 200, "/health/started": 200, "/orders/7": 200,
	} {
		if status, _ := get(path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	closeMonitor(t, m)
	if s := m.Stats(); s.Probes != 4 || s.Recorded != 1 {
		t.Errorf("%+v, want 4 probes and 1 request", s)
	}
	if kept := sink.kept(); len(kept) != 1 || kept[0].Endpoint != "/orders/{id}" {
		t.Errorf("got %+v", kept)
	}
	if status, _ := get("/health/ready"); status != 503 {
		t.Error("ready after Close")
	}
}

func TestHealthDetailsAreForSome(t *testing.T) {
	m, _ := monitor(t, WithHealthDetails(func(r *http.Request) bool { return r.Header.Get("X-Me") != "" }))
	broken, probe := switchable()
	broken.Store(true)
	m.Check("database", probe, health.Thresholds(1, 1))
	for m.Health().Status != health.Degraded || m.Health().Checks[0].Runs == 0 {
		time.Sleep(time.Millisecond)
	}
	for _, me := range []string{"", "yes"} {
		r := httptest.NewRequest("GET", "/health", nil)
		r.Header.Set("X-Me", me)
		w := httptest.NewRecorder()
		m.HealthHandler().ServeHTTP(w, r) // outside of the middleware, too
		if shown := strings.Contains(w.Body.String(), "refused"); shown != (me != "") {
			t.Errorf("for %q: %s", me, w.Body)
		}
	}
}

func TestWrongChecksAreToldAndNotFatal(t *testing.T) {
	m, _ := monitor(t)
	_, probe := switchable()
	m.Check("ok", probe)
	m.Check("ok", probe)
	m.Check("", probe)
	m.Check(strings.Repeat("x", 96), probe)
	m.Check("live", probe, health.Liveness())
	want := []string{
		`Check: check "ok": there is already a check with that name`,
		`Check: check "": name: must be 1 to 100 bytes of UTF-8`,
		`has 101 bytes together with the service's; at most 100`,
		`a liveness check may probe this process only`,
	}
	problems := m.Stats().Problems
	if len(problems) != len(want) {
		t.Fatalf("got %q", problems)
	}
	for i := range want {
		if !strings.Contains(problems[i], want[i]) {
			t.Errorf("%q, want %q", problems[i], want[i])
		}
	}
	if n := len(m.Health().Checks); n != 1 {
		t.Errorf("%d checks", n)
	}
	closeMonitor(t, m)
	m.Check("late", probe)
	if problems := m.Stats().Problems; !strings.Contains(problems[len(problems)-1], "the registry is closed") {
		t.Errorf("got %q", problems)
	}
}

// A check that is stuck does not keep Close from shipping.
func TestCloseWithAStuckCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		free := make(chan struct{})
		m.Check("stuck", health.Func(func(context.Context) error { <-free; return nil }), health.Every(time.Second))
		time.Sleep(5 * time.Second)
		m.Middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		begun := time.Now()
		closeMonitor(t, m)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("Close took %s", took)
		}
		if len(sink.kept()) != 1 {
			t.Error("the request was lost")
		}
		if problems := m.Stats().Problems; len(problems) != 1 || !strings.Contains(problems[0], `["stuck"]`) {
			t.Errorf("got %q", problems)
		}
		close(free)
	})
}
