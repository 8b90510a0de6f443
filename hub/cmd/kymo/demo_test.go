package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

// watched is a writer that says when something was written to it.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	seen func(text string)
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	w.seen(w.text.String())
	return len(p), nil
}

// TestDemoStopsAndCountsAll interrupts the demo once its table shows requests,
// beside another process that has the usual port.
func TestDemoStopsAndCountsAll(t *testing.T) {
	if l, err := net.Listen("tcp", defaultListen); err == nil {
		defer l.Close()
	}
	t.Setenv("TMPDIR", t.TempDir())
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stderr strings.Builder
	out := &watched{seen: func(text string) {
		if strings.Contains(text, " requests, ") {
			interrupt()
		}
	}}
	status := run(ctx, []string{"demo", "--rate", "40"}, nil, out, &stderr, nil)
	want := regexp.MustCompile(`\nload generator sent (\d+) requests; Kymo reports (\d+)\n$`)
	m := want.FindStringSubmatch(out.text.String())
	if status != exitOK || m == nil || m[1] != m[2] {
		t.Errorf("status %d, stderr %s, stdout\n%s", status, stderr.String(), out.text.String())
	}
	if got, want := stderr.String(), defaultListen+" is taken; the demo's hub takes a free port instead\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

func TestDemoStoreErrors(t *testing.T) {
	runKymo(t, nil, "demo", "--store", "postgres://app:hunter2@127.0.0.1:1/kymo").
		expect(t, exitFailed, "store: cannot open postgres://app@127.0.0.1:1/kymo: PostgreSQL: ")
	t.Setenv("TMPDIR", "/dev/null")
	runKymo(t, nil, "demo").expect(t, exitFailed, "/dev/null")
}

// fakeHub reports on one endpoint more with each look, and counts total requests.
func fakeHub(t *testing.T, total uint64) *client.Client {
	looks := 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics/endpoints", func(w http.ResponseWriter, _ *http.Request) {
		looks++
		if looks == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode([]report.Endpoint{
			{Method: "GET", Endpoint: "/b", TotalRequests: uint64(100 * looks), P95ResponseTime: 600, Slow: true},
			{Method: "GET", Endpoint: "/a", TotalRequests: uint64(looks), ErrorRate: 0.5},
		})
	})
	mux.HandleFunc("GET /metrics/performance", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(report.Performance{TotalRequests: total})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL)
}

func clientOf(t *testing.T, hub string) *client.Client {
	t.Helper()
	c, err := client.New(hub, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLiveTable draws on a terminal until the third look is on it.
func TestLiveTable(t *testing.T) {
	d := &demo{hub: fakeHub(t, 0), service: "shop", shopURL: "http://shop", load: newLoad("", 300), begun: time.Now(), controls: newControls(nil)}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	out := &watched{seen: func(text string) {
		if strings.Contains(text, "303 requests in ") {
			stop()
		}
	}}
	d.show(ctx, out, term.Screen{Terminal: true, Width: 60, Height: 30})
	for _, want := range []string{
		"\rwaiting for the first second's requests …\x1b[K\n\r\x1b[J\x1b[10A\r",
		"\r  report     http://127.0.0.1",
		"\rmethod  endpoint  requests  req/s  p50 ms  p95 ms  p99 ms  e\x1b[K\n",
	} {
		if !strings.Contains(out.text.String(), want) {
			t.Errorf("%q is missing in %q", want, out.text.String())
		}
	}
}

func TestLivePicture(t *testing.T) {
	begun := time.Unix(0, 0)
	d := &demo{hub: fakeHub(t, 0), service: "shop", load: newLoad("", 300), begun: begun}
	v := &live{demo: d, lookedAt: begun}
	rows := func(n uint64) []report.Endpoint {
		return []report.Endpoint{
			{Method: "GET", Endpoint: "/b", TotalRequests: 100 * n, P50ResponseTime: 500, P95ResponseTime: 600, P99ResponseTime: 700, Slow: true},
			{Method: "GET", Endpoint: "/a", TotalRequests: n, ErrorRate: 0.5},
		}
	}
	v.take(rows(1), begun.Add(time.Second))
	v.take(rows(3), begun.Add(3*time.Second))
	ill := health.HealthCheck{State: health.Down, Status: health.Down, Critical: true, Reason: "refused"}
	v.health = &health.Answer{Status: health.Down, Checks: map[string]health.HealthCheck{
		"database": ill, "redis": {State: health.Healthy, Status: health.Healthy, Flapping: true},
	}}
	v.event = "the database is stopped"
	got := strings.Join(v.picture(begun.Add(3 * time.Second))[len(v.head()):], "\n")
	want := strings.Trim(`
health  down: database down (refused) · redis healthy, flapping
the database is stopped
method  endpoint  requests  req/s  p50 ms  p95 ms  p99 ms  errors %
GET     /a               3   1.00    0.00    0.00    0.00     50.00
GET     /b             300    100     500     600     700      0.00  slow

303 requests in 3 s, 101/s now`, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	v.take(rows(4), begun.Add(4*time.Second))
	if got, want := v.line(begun.Add(4*time.Second)), "4 s: 404 requests, 101/s; slow: GET /b, p95 600 ms; down: database; 2 checks in all"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestVerdictOnNumbersThatDiffer has a hub that lost requests, a shop that did
// not answer and an SDK whose hub refuses all it sends.
func TestVerdictOnNumbersThatDiffer(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	d := &demo{hub: fakeHub(t, 4), service: "shop", load: newLoad("http://127.0.0.1:1", 1)}
	d.monitor = kymo.New("shop", kymo.WithHub(refusing.URL), kymo.WithLogger(quiet))
	d.monitor.Middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if d.monitor.Close(ctx) == nil {
		t.Error("the monitor shipped to a hub that refuses")
	}
	d.load.sent.Store(4)
	d.load.login(d.load.customers[0])

	var out strings.Builder
	err := d.verdict(&environment{stdout: &out})
	if !strings.HasSuffix(out.String(), "\nload generator sent 5 requests; Kymo reports 4\n") {
		t.Errorf("printed %q", out.String())
	}
	want := regexp.MustCompile(`^the numbers differ; 1 request got no answer from the shop; the SDK dropped \d and could not ship \d, for: `)
	if _, bad := err.(badNews); !bad || !want.MatchString(err.Error()) {
		t.Errorf("got %v", err)
	}
	if err := d.verdict(&environment{stdout: full{}}); err == nil {
		t.Error("a verdict that was not printed")
	}
	d.hub = clientOf(t, "http://127.0.0.1:1")
	if err := d.verdict(&environment{stdout: &out}); err == nil || !strings.HasPrefix(err.Error(), "no hub answers") {
		t.Errorf("without a hub: %v", err)
	}
}

// shopOn returns a shop that stands on these.
func shopOn(t *testing.T, database, redis *standIn) *shop {
	t.Helper()
	db, err := newDatabaseClient(databaseURL(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	cache, err := newCacheClient(redisURL(redis))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return newShop(db, cache)
}

// TestShop asks for what customers ask for, and for what they should not.
func TestShop(t *testing.T) {
	database, redis := newDatabase(), newRedis()
	for _, s := range []*standIn{database, redis} {
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		defer s.stop()
	}
	server := httptest.NewServer(shopOn(t, database, redis).handler())
	defer server.Close()
	l := newLoad(server.URL, 1)
	var ada struct{ Token string }
	sign := url.Values{"name": {"ada"}, "password": {"ada"}}
	if got := l.send("POST", "/login", "", sign, &ada); got != http.StatusOK {
		t.Fatalf("login: %d", got)
	}
	var bob struct{ Token string }
	l.send("POST", "/login", "", url.Values{"name": {"bob"}, "password": {"bob"}}, &bob)

	var first order
	steps := []struct {
		method, path, token string
		form                url.Values
		into                any
		want                int
	}{
		{"POST", "/login", "", url.Values{"name": {"ada"}, "password": {"wrong"}}, nil, 401},
		{"GET", "/products", "", nil, nil, 200},
		{"GET", "/products/1", "", nil, nil, 200},
		{"GET", "/products/61", "", nil, nil, 404},
		{"GET", "/products/one", "", nil, nil, 404},
		{"GET", "/search?q=lamp", "", nil, nil, 200},
		{"GET", "/cart", "", nil, nil, 401},
		{"GET", "/cart", ada.Token, nil, nil, 200},
		{"POST", "/checkout", ada.Token, nil, nil, 409},
		{"POST", "/cart/items", ada.Token, url.Values{"product": {"61"}}, nil, 422},
		{"POST", "/cart/items", ada.Token, url.Values{"product": {"2"}}, nil, 201},
		{"POST", "/checkout", ada.Token, nil, &first, 201},
		{"GET", "/orders/1", ada.Token, nil, nil, 200},
		{"GET", "/orders/1", bob.Token, nil, nil, 404},
		{"GET", "/orders/2", ada.Token, nil, nil, 404},
	}
	for _, s := range steps {
		got := l.send(s.method, s.path, s.token, s.form, s.into)
		for s.path == "/checkout" && got == http.StatusBadGateway { // now and then the payment fails
			got = l.send(s.method, s.path, s.token, s.form, s.into)
		}
		if got != s.want {
			t.Errorf("%s %s %v: %d, want %d", s.method, s.path, s.form, got, s.want)
		}
	}
	if first.Cents != 750 || fmt.Sprint(first.Products) != "[2]" {
		t.Errorf("the order is %+v", first)
	}
}

func TestWorkEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	work(ctx, time.Hour, 0)
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %s", took)
	}
}

// TestLoadIsBounded has a shop that never answers: no more than maxInFlight
// requests wait for it.
func TestLoadIsBounded(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	waiting := make(chan bool, 2*maxInFlight)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		waiting <- true
		<-ctx.Done()
	}))
	defer server.Close()
	l := newLoad(server.URL, 1_000_000)
	ended := make(chan bool)
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	for range maxInFlight {
		<-waiting
	}
	stop()
	<-ended
	if sent := l.sent.Load(); sent != maxInFlight || l.failed.Load() != 0 {
		t.Errorf("sent %d, of which %d failed; want %d", sent, l.failed.Load(), maxInFlight)
	}
}

func TestLoadCountsAnswersThatBreakOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
	}))
	defer server.Close()
	l := newLoad(server.URL, 1)
	l.send("GET", "/", "", nil, nil)
	l.send("GET", "\x00", "", nil, nil)
	if l.sent.Load() != 2 || l.failed.Load() != 2 {
		t.Errorf("sent %d, failed %d", l.sent.Load(), l.failed.Load())
	}
}
