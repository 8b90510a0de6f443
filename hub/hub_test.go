package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
)

var quiet = slog.New(slog.DiscardHandler)

func closeHub(t *testing.T, h *Hub) {
	t.Helper()
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// ask returns the answer to a GET with the read token of the tests.
func ask(h http.Handler, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "http://localhost"+path, nil)
	r.Header.Set("Authorization", "Bearer read")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// An embedded hub answers to the names that it is given.
func TestHosts(t *testing.T) {
	for _, test := range []struct {
		config Config
		status int
	}{
		{Config{Logger: quiet}, http.StatusMisdirectedRequest},
		{Config{Logger: quiet, Hosts: []string{"shop.example.com"}}, http.StatusOK},
		{Config{Logger: quiet, Tokens: Tokens{Ingest: "in", Read: "read"}}, http.StatusOK},
	} {
		h, err := Open(t.TempDir(), test.config)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://shop.example.com/health", nil))
		if w.Code != test.status {
			t.Errorf("%+v: %d %s", test.config, w.Code, w.Body)
		}
		closeHub(t, h)
	}
}

// What a service ships to a hub in its own process is still there after the hub was closed
// and opened again.
func TestOpenKeepsAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	// A report is of what started before the millisecond it is asked in.
	config := Config{
		Logger: quiet, MaxEndpoints: 2, Tokens: Tokens{Ingest: "in", Read: "read"},
		Retention: Retention{Age: 200 * time.Hour, Size: 1 << 30},
		Slow:      Slow{Target: time.Nanosecond, MinSamples: 5, Routes: []RouteTarget{{Endpoint: "/a0", Target: time.Hour}}},
		now:       func() time.Time { return time.Now().Add(time.Second) },
	}
	for run := range 3 {
		h, err := Open(dir, config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, config); err == nil {
			t.Error("two hubs share a directory")
		}
		m := kymo.New("web", kymo.WithSink(h), kymo.WithLogger(quiet))
		mux := http.NewServeMux()
		// Each run tries two endpoints of its own; the first run's take all places.
		for _, letter := range []string{"a", "b"} {
			mux.HandleFunc(fmt.Sprint("GET /", letter, run), func(http.ResponseWriter, *http.Request) {})
			for range 5 {
				m.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprint("/", letter, run), nil))
			}
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		var p struct {
			TotalRequests int `json:"total_requests"`
			SlowEndpoints int `json:"slow_endpoints"`
			Trust         struct{ Overflowed int }
		}
		if w := ask(h, "/metrics/performance"); json.Unmarshal(w.Body.Bytes(), &p) != nil || p.TotalRequests != 10*(run+1) || p.Trust.Overflowed != 10*run {
			t.Errorf("run %d: %s", run, w.Body)
		}
		if want := min(run+1, 2); p.SlowEndpoints != want {
			t.Errorf("run %d: %d endpoints are slow, want %d", run, p.SlowEndpoints, want)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost/api/v1/requests", strings.NewReader("[]")))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("without a token: %d", w.Code)
		}
		closeHub(t, h)
		if w := ask(h, "/health"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("closed: %d", w.Code)
		}
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Config{}); err == nil {
		t.Error("a file is not a directory")
	}
	absent := filepath.Join(dir, "absent")
	if _, err := Open(absent, Config{Retention: Retention{Age: time.Second}}); err == nil {
		t.Error("a wrong configuration is accepted")
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("a wrong configuration leaves a directory behind")
	}
}

// Each probe is closed once, whether Open fails or the hub is closed later.
func TestEachProbeIsClosedOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := filepath.Join(t.TempDir(), "used")
	h, err := Open(used, Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closeHub(t, h)
	for _, test := range []struct {
		name, dir string
		slow      Slow
		want      string // a part of the error
	}{
		{"wrong configuration", filepath.Join(t.TempDir(), "a"), Slow{MinSamples: -1}, "Slow.MinSamples"},
		{"a file in place of the directory", file, Slow{}, file},
		{"a directory of another hub", used, Slow{}, used},
		{"none", filepath.Join(t.TempDir(), "b"), Slow{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var closed [2]atomic.Int64
			probe := func(i int) health.Probe {
				p := health.Func(func(context.Context) error { return nil })
				p.Close = func() error { closed[i].Add(1); return nil }
				return p
			}
			h, err := Open(test.dir, Config{
				Logger: quiet, Slow: test.slow,
				Checks:   []Check{{Name: "queue", Probe: probe(0)}, {Name: "without", Probe: health.TCP("127.0.0.1:1")}},
				Services: []Service{{Name: "shop", Probe: probe(1)}, {Name: "orders"}},
			})
			switch {
			case test.want != "":
				if h != nil || err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got %v, %v", h, err)
				}
			case err != nil:
				t.Fatal(err)
			default:
				if closed[0].Load()+closed[1].Load() > 0 {
					t.Error("closed while the hub is open")
				}
				closeHub(t, h)
			}
			for i := range closed {
				if n := closed[i].Load(); n != 1 {
					t.Errorf("probe %d was closed %d times", i, n)
				}
			}
		})
	}
}

// Each error names the field in Go, and all of them are there.
func TestFieldErrors(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "data"), Config{
		Slow:     Slow{MinSamples: -1, Routes: []RouteTarget{{Endpoint: "/a"}}},
		Checks:   []Check{{Name: "a", Probe: health.TCP("127.0.0.1:1"), DegradedOver: time.Hour}, {Name: "a"}},
		Services: []Service{{Name: "b", DownAfter: time.Second}},
	})
	want := `hub: Config.Slow.MinSamples: is -1; must be positive, or 0 for 20
hub: Config.Slow.Routes[0].Target: is 0s; must be above 0, like 5s
hub: Config.Checks[0].DegradedOver: is 1h0m0s; must be less than the timeout, 2s, or 0 for no budget
hub: Config.Checks[1].Name: "a" is the name of checks[0] already; give each a name of its own
hub: Config.Checks[1].Probe: has no Run function; make it with Func, SQL, HTTP or the like
hub: Config.Services[0].Silence: is 30s; must be less than the time after which it is down, 1s`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if f, ok := errors.AsType[*health.FieldError](err); !ok || f.Field != "Slow.MinSamples" {
		t.Errorf("the first is %+v", f)
	}
}

// Any probe of package health is a check, and polls a service.
func TestChecksAndServices(t *testing.T) {
	down := health.Func(func(context.Context) error { return errors.New("no room") })
	h, err := Open(t.TempDir(), Config{
		Logger:   quiet,
		Checks:   []Check{{Name: "queue", Probe: down, Interval: 100 * time.Millisecond, Failures: 1, Critical: true}},
		Services: []Service{{Name: "shop", Probe: health.Self(func(context.Context) error { return nil }), Interval: 100 * time.Millisecond}, {Name: "orders"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closeHub(t, h)
	statuses := func() string {
		var all []string
		for _, c := range h.Health().Checks {
			all = append(all, fmt.Sprint(c.Name, " ", c.Status, " ", c.Reason))
		}
		return strings.Join(all, ", ")
	}
	const want = "orders unknown no instance has reported yet; check that it runs and reaches the hub, queue down no room, shop healthy , store healthy "
	for deadline := time.Now().Add(20 * time.Second); statuses() != want && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
	}
	if got := statuses(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w := ask(h, "/health"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a critical check is down, and the answer is %d", w.Code)
	}
}
