package core

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

var quiet = slog.New(slog.DiscardHandler)

// setup has the parts of configuration and options that tests set.
type setup struct {
	tokens       config.Tokens
	retention    config.Retention
	slow         report.Slow
	maxEndpoints int
	maxServices  int
	checks       []config.Check
	services     []config.Service
	maintenance  []maintenance.Window

	now   func() time.Time // nil is clock
	ticks <-chan time.Time
}

var makers = config.Makers{Probe: probe.New, Service: probe.Service}

// config returns the configuration, validated.
func (s setup) config(t *testing.T) *config.Config {
	t.Helper()
	c := &config.Config{
		Tokens: s.tokens, Retention: s.retention, Slow: s.slow, Checks: s.checks, Services: s.services,
		MaxEndpoints: s.maxEndpoints, MaxServices: s.maxServices, Maintenance: s.maintenance,
	}
	if err := c.Validate(makers); err != nil {
		t.Fatal(err)
	}
	return c
}

func (s setup) options() Options {
	if s.now == nil {
		s.now = atNoon
	}
	return Options{Makers: makers, Now: s.now, Logger: quiet, ticks: s.ticks}
}

func open(t *testing.T, st store.Store, s setup) *Hub {
	t.Helper()
	h, err := New(st, s.config(t), s.options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeHub(t, h) })
	return h
}

// check returns a check of the type that runs at the interval.
func check(name string, spec config.Spec, every time.Duration) config.Check {
	return config.Check{Name: name, Spec: spec, Rules: health.Rules{Interval: every}}
}

// disk is healthy on all but a full disk.
var disk = config.Spec{Type: "disk", Path: "/", MinFree: 1e-6}

// lasting is a store that tests read when its hub is closed.
type lasting struct{ store.Store }

func (lasting) Close() error { return nil }

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
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics/performance", nil))
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	return p
}

func TestShip(t *testing.T) {
	st := storetest.NewOracle()
	h := open(t, st, setup{maxServices: 1, slow: report.Slow{Target: time.Second, MinSamples: 1, Routes: []report.RouteTarget{{Endpoint: "/slow", Target: time.Minute}}}})
	data := encoded("web", 1, "/a", "/b", "/slow")
	for range 2 { // The second time, it is durable already.
		if err := h.Ship(t.Context(), data); err != nil {
			t.Fatal(err)
		}
	}
	if p := performance(t, h); p.TotalRequests != 3 || p.SlowEndpoints != 1 || p.SlowestEndpoints[1].SlowReason != "p95 2 s over target 1 s (1 samples)" {
		t.Errorf("got %+v", p)
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

// faulty is a store that fails, waits and notes calls, as a test needs it.
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

// Health yields what the store below has, if there is one.
func (f *faulty) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	if f.Store == nil {
		return func(func(*store.HealthRecord, error) bool) {}
	}
	return f.Store.Health(ctx, q)
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
	h := open(t, sized{f}, setup{retention: config.Retention{Age: 24 * time.Hour, Size: 1 << 30}, ticks: ticks})
	ticks <- noon
	ticks <- noon // taken only when the first round is over
	f.mu.Lock()
	f.err = errors.New("disk on fire")
	f.mu.Unlock()
	ticks <- noon
	ticks <- noon
	f.mu.Lock()
	f.err = nil
	f.mu.Unlock()
	closeHub(t, h)
	want := noon.Add(-24 * time.Hour).UnixMilli()
	if len(f.pruned) < 3 || f.pruned[0] != want || len(f.sizes) != len(f.pruned) || f.sizes[0] != 1<<30 {
		t.Errorf("pruned before %v to %v; want %d", f.pruned, f.sizes, want)
	}
	if h.intake.Counters.StoreFails.Load() == 0 {
		t.Error("a failure is not counted")
	}
}

// New fails if the store cannot be read, and leaves it open for its caller.
func TestNewFails(t *testing.T) {
	f := &faulty{err: errors.New("disk on fire")}
	if _, err := New(f, setup{}.config(t), Options{}); !errors.Is(err, f.err) || f.closed != 0 {
		t.Errorf("New = %v; the store was closed %d times", err, f.closed)
	}
}

func TestRetentionWithoutSize(t *testing.T) {
	st := storetest.NewOracle()
	ticks := make(chan time.Time)
	var now atomic.Int64
	later := func() time.Time { return noon.Add(time.Duration(now.Load())) }
	h := open(t, lasting{st}, setup{now: later, ticks: ticks, retention: config.Retention{Size: 1 << 30}})
	if err := h.Ship(t.Context(), encoded("web", 1, "/a")); err != nil {
		t.Fatal(err)
	}
	now.Store(int64(168 * time.Hour))
	ticks <- noon
	closeHub(t, h)
	for r, err := range st.Requests(t.Context(), store.RequestQuery{Window: rollup.Window{To: wire.MaxStart}}) {
		t.Errorf("%v %v is still there", r, err)
	}
}

func TestCloseFinishesWhatIsInFlight(t *testing.T) {
	f := &faulty{enter: make(chan struct{}), proceed: make(chan struct{})}
	h := open(t, f, setup{})
	shipped := make(chan error)
	go func() { shipped <- h.Ship(context.Background(), encoded("web", 1, "/a")) }()
	<-f.enter
	closed := make(chan error)
	go func() { closed <- h.Close(context.Background()) }()
	for h.drain.enter() { // until Close has closed the drain
		h.drain.leave()
	}
	if err := h.Ship(t.Context(), encoded("web", 2, "/a")); !errors.Is(err, store.ErrClosed) || errors.Is(err, kymo.ErrRejected) {
		t.Errorf("Ship after Close: %v", err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics/performance", nil))
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
	h := open(t, f, setup{})
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

// prunes counts how often the store is pruned.
type prunes struct {
	store.Store
	n atomic.Int64
}

func (p *prunes) Prune(ctx context.Context, before int64) error {
	p.n.Add(1)
	return p.Store.Prune(ctx, before)
}

func TestPrunesEveryMinuteUntilClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &prunes{Store: storetest.NewOracle()}
		h, err := New(p, setup{}.config(t), Options{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + 30*time.Second) // in which the clock is not trusted to delete anything
		synctest.Wait()
		first := p.n.Load()
		if first > 1 { // in the minute in which the hour is over
			t.Errorf("pruned %d times in the first hour", first)
		}
		time.Sleep(3 * time.Minute)
		closeHub(t, h)
		time.Sleep(time.Hour)
		if n := p.n.Load() - first; n != 3 {
			t.Errorf("pruned %d times in three minutes", n)
		}
	})
}

// One real service, one real hub, over HTTP and embedded.
func TestWithTheSDK(t *testing.T) {
	// A report is of what started before the millisecond it is asked in.
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	h := open(t, storetest.NewOracle(), setup{now: now, tokens: config.Tokens{Ingest: "in"}})
	server := httptest.NewServer(h)
	defer server.Close()
	for _, option := range []kymo.Option{kymo.WithSink(h), kymo.WithHub(server.URL)} {
		m := kymo.New("orders", option, kymo.WithToken("in"), kymo.WithLogger(quiet))
		mux := http.NewServeMux()
		mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
		mux.Handle("/", h) // its own requests are not the service's
		handler := m.Middleware(mux)
		for _, path := range []string{"/", "/api/v1/services", "/metrics/performance"} {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://localhost"+path, nil))
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
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/metrics/endpoints", nil))
	var rows []report.Endpoint
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if e := rows[0]; e.Service != "orders" || e.Endpoint != "/orders/{id}" || e.TotalRequests != 100 || e.ClientErrorRate != 1 {
		t.Errorf("got %+v", e)
	}
}
