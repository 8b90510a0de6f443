package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func open(t *testing.T, st store.Store, c Config) *Hub {
	t.Helper()
	if c.Now == nil {
		c.Now = clock
	}
	c.Logger = quiet
	h, err := New(st, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHub(t, h) })
	return h
}

func closeHub(t *testing.T, h *Hub) {
	t.Helper()
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// encoded is a batch with one request to each endpoint, a minute before noon.
func encoded(service string, sequence uint64, endpoints ...string) []byte {
	b := wire.NewBuilder()
	for i, e := range endpoints {
		b.Add(&wire.Request{
			Key:   wire.Key{Service: service, Endpoint: e, Method: "GET", Status: 200},
			Start: noon.Add(-time.Minute).UnixMilli(), Duration: time.Duration(i+1) * time.Second,
		})
	}
	return b.Batch("sdk", sequence).AppendBinary(nil)
}

func performance(t *testing.T, h http.Handler) (p report.Performance) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics/performance", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return p
}

func TestShip(t *testing.T) {
	st := storetest.NewOracle()
	h := open(t, st, Config{MaxServices: 1, Slow: Slow{Target: time.Second, MinSamples: 1, Routes: []RouteTarget{{"/slow", time.Minute}}}})
	data := encoded("web", 1, "/a", "/b", "/slow")
	for range 2 { // The second time, it is durable already.
		if err := h.Ship(t.Context(), data); err != nil {
			t.Fatal(err)
		}
	}
	if p := performance(t, h); p.TotalRequests != 3 || p.SlowEndpoints != 1 || p.SlowestEndpoints[1].SlowReason != "p95 2000 ms over target 1000 ms (1 samples)" {
		t.Errorf("%+v", p)
	}
	for name, bad := range map[string][]byte{"not a batch": []byte("x"), "a service too many": encoded("api", 2, "/a")} {
		if err := h.Ship(t.Context(), bad); !errors.Is(err, kymo.ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Ship(ctx, encoded("web", 3, "/a")); !errors.Is(err, context.Canceled) || errors.Is(err, kymo.ErrRejected) {
		t.Errorf("given up: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Ship(t.Context(), encoded("web", 4, "/a")); !errors.Is(err, store.ErrClosed) || errors.Is(err, kymo.ErrRejected) {
		t.Errorf("the store is closed: %v", err)
	}
}

func TestOpenKeepsAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	config := Config{Now: clock, Logger: quiet, MaxEndpoints: 2}
	for run := range 3 {
		h, err := Open(dir, WithConfig(config), WithTokens(Tokens{Ingest: "in"}), WithLogger(quiet),
			WithRetention(Retention{Age: 200 * time.Hour, Size: 1 << 30}), WithSlow(Slow{MinSamples: 5}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, WithConfig(config)); err == nil {
			t.Error("two hubs share a folder")
		}
		// Each run tries two endpoints of its own; the first run's take all places.
		if err := h.Ship(t.Context(), encoded("web", uint64(run), fmt.Sprint("/a", run), fmt.Sprint("/b", run))); err != nil {
			t.Fatal(err)
		}
		p := performance(t, h)
		if p.TotalRequests != uint64(2*run+2) || p.Trust.Overflowed != uint64(2*run) {
			t.Errorf("run %d: %+v", run, p)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1/requests", strings.NewReader("[]")))
		if w.Code != http.StatusUnauthorized {
			t.Errorf("without a token: %d", w.Code)
		}
		closeHub(t, h)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("a file is no folder")
	}
	absent := filepath.Join(dir, "absent")
	if _, err := Open(absent, WithRetention(Retention{Age: time.Second})); err == nil {
		t.Error("a wrong configuration is accepted")
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("a wrong configuration leaves a folder behind")
	}
	broken := errors.New("disk on fire")
	if _, err := New(&faulty{err: broken}, Config{}); !errors.Is(err, broken) {
		t.Errorf("New = %v", err)
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	route := func(r ...RouteTarget) Config { return Config{Slow: Slow{Routes: r}} }
	for want, c := range map[string]Config{
		"tokens.ingest: holds a space":                             {Tokens: Tokens{Ingest: "a b"}},
		"tokens.read: holds a space or a character":                {Tokens: Tokens{Read: "é"}},
		"retention.age: is 1s; must be from 1h":                    {Retention: Retention{Age: time.Second}},
		"retention.age: is -1h0m0s":                                {Retention: Retention{Age: -time.Hour}},
		"retention.age: is 876000h0m0s":                            {Retention: Retention{Age: 876000 * time.Hour}},
		"retention.size: is 5 bytes; must be at least 1048576":     {Retention: Retention{Size: 5}},
		"slow.target: is -1ns; must be positive":                   {Slow: Slow{Target: -1}},
		"slow.min_samples: is -1; must be positive":                {Slow: Slow{MinSamples: -1}},
		"slow.routes[1].target: is 0s; must be positive":           route(RouteTarget{"/a", 1}, RouteTarget{"/b", 0}),
		"slow.routes[0].endpoint: must be a route template":        route(RouteTarget{"", 1}),
		"slow.routes[1].endpoint: \"/a\" has a target already":     route(RouteTarget{"/a", 1}, RouteTarget{"/a", 2}),
		"max_endpoints: is -1; must be positive, or 0 for 1000":    {MaxEndpoints: -1},
		"max_services: is -1; must be positive, or 0 for 1000":     {MaxServices: -1},
		"slow.target: is -1ns; must be positive, or 0 for 500ms\n": {Slow: Slow{Target: -1, MinSamples: -1}},
	} {
		if _, err := New(storetest.NewOracle(), c); err == nil || !strings.HasPrefix(err.Error(), "configuration: "+want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

// faulty is a store that fails, waits and notes as a test wants it to.
type faulty struct {
	store.Store
	err     error
	enter   chan struct{} // told when Append begins
	proceed chan struct{} // lets Append go on

	mu     sync.Mutex
	pruned []int64
	sizes  []int64
	closed int
}

func (f *faulty) Append(_ context.Context, batches ...*wire.Batch) ([]bool, error) {
	f.enter <- struct{}{}
	<-f.proceed
	return make([]bool, len(batches)), f.err
}

func (f *faulty) Rollups(context.Context, store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		if f.err != nil {
			yield(nil, f.err)
		}
	}
}

func (f *faulty) Prune(_ context.Context, before int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pruned = append(f.pruned, before)
	return f.err
}

func (f *faulty) Close() error {
	f.closed++
	return f.err
}

// sized is a store that can prune to a size too.
type sized struct{ *faulty }

func (s sized) PruneToSize(_ context.Context, bytes int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, bytes)
	return 7, s.err
}

func TestRetention(t *testing.T) {
	f := &faulty{}
	ticks := make(chan time.Time)
	h := open(t, sized{f}, Config{Retention: Retention{Age: 24 * time.Hour, Size: 1 << 30}, ticks: ticks})
	ticks <- noon
	ticks <- noon // taken only when the first round is over
	f.mu.Lock()
	f.err = errors.New("disk on fire")
	f.mu.Unlock()
	ticks <- noon
	ticks <- noon
	closeHub(t, h)
	want := noon.Add(-24 * time.Hour).UnixMilli()
	if len(f.pruned) < 3 || f.pruned[0] != want || len(f.sizes) != len(f.pruned) || f.sizes[0] != 1<<30 {
		t.Errorf("pruned before %v to %v; want %d", f.pruned, f.sizes, want)
	}
	if h.intake.Counters.StoreFails.Load() == 0 {
		t.Error("a failure is not counted")
	}
	if f.closed != 0 {
		t.Error("New's store was closed")
	}
}

func TestRetentionWithoutSize(t *testing.T) {
	st := storetest.NewOracle()
	ticks := make(chan time.Time)
	h := open(t, st, Config{ticks: ticks, Retention: Retention{Size: 1 << 30}})
	if err := h.Ship(t.Context(), encoded("web", 1, "/a")); err != nil {
		t.Fatal(err)
	}
	h.config.Now = func() time.Time { return noon.Add(168 * time.Hour) }
	ticks <- noon
	closeHub(t, h)
	for r, err := range st.Requests(t.Context(), store.RequestQuery{Window: rollup.Window{To: wire.MaxStart}}) {
		t.Errorf("%v %v is still there", r, err)
	}
}

func TestCloseFinishesWhatIsInFlight(t *testing.T) {
	f := &faulty{enter: make(chan struct{}), proceed: make(chan struct{})}
	h := open(t, f, Config{})
	h.owned = true
	shipped := make(chan error)
	go func() { shipped <- h.Ship(context.Background(), encoded("web", 1, "/a")) }()
	<-f.enter
	closed := make(chan error)
	go func() { closed <- h.Close(context.Background()) }()
	for h.door.enter() { // until Close has closed the door
		h.door.leave()
	}
	if err := h.Ship(t.Context(), encoded("web", 2, "/a")); !errors.Is(err, store.ErrClosed) || errors.Is(err, kymo.ErrRejected) {
		t.Errorf("Ship after Close: %v", err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics/performance", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a request after Close: %d %v", w.Code, w.Header())
	}
	select {
	case err := <-closed:
		t.Fatalf("Close returned before the request in flight: %v", err)
	default:
	}
	f.proceed <- struct{}{}
	if err := <-shipped; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil || f.closed != 1 {
		t.Errorf("Close = %v; the store was closed %d times", err, f.closed)
	}
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	f := &faulty{enter: make(chan struct{}), proceed: make(chan struct{})}
	h := open(t, f, Config{})
	h.owned = true
	f.err = errors.New("disk on fire")
	shipped := make(chan error)
	go func() { shipped <- h.Ship(context.Background(), encoded("web", 1, "/a")) }()
	<-f.enter
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := h.Close(ctx)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, f.err) {
		t.Errorf("Close = %v", err)
	}
	f.proceed <- struct{}{}
	if err := <-shipped; !errors.Is(err, f.err) {
		t.Errorf("Ship = %v", err)
	}
}

func TestTheLoopRunsOnATicker(t *testing.T) {
	h, err := New(storetest.NewOracle(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	closeHub(t, h)
	select {
	case <-h.tidy.ended:
	default:
		t.Error("the loop outlives the hub")
	}
}

// One real service, one real hub, over HTTP and embedded.
func TestWithTheSDK(t *testing.T) {
	// A report is of what started before the millisecond it is asked in.
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	h := open(t, storetest.NewOracle(), Config{Now: now, Tokens: Tokens{Ingest: "in"}})
	server := httptest.NewServer(h)
	defer server.Close()
	for _, option := range []kymo.Option{kymo.WithSink(h), kymo.WithHub(server.URL)} {
		m := kymo.New("orders", option, kymo.WithToken("in"), kymo.WithLogger(quiet))
		mux := http.NewServeMux()
		mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		mux.Handle("/", h) // its own requests are not the service's
		handler := m.Middleware(mux)
		for _, path := range []string{"/", "/api/v1/services", "/metrics/performance"} {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}
		for i := range 50 {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprint("/orders/", i), bytes.NewReader(nil)))
		}
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := m.Stats(); s.Ignored != 3 || s.Recorded != 50 {
			t.Errorf("stats %+v", s)
		}
	}
	ahead.Store(int64(time.Second))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics/endpoints", nil))
	var rows []report.Endpoint
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if e := rows[0]; e.Service != "orders" || e.Endpoint != "/orders/{id}" || e.TotalRequests != 100 || e.ClientErrorRate != 1 {
		t.Errorf("%+v", e)
	}
}
