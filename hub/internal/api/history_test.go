package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// standing returns a report with one check in each state.
func standing() health.Report {
	at := noon.Add(-time.Second)
	check := func(name string, s health.Status, critical bool) health.CheckReport {
		return health.CheckReport{
			Name: name, Kind: "tcp", Critical: critical, State: health.State{Status: s, Since: at}, Runs: 1, CheckedAt: at,
			Latency: 12 * time.Millisecond, Reason: "because of " + name, Details: json.RawMessage(`{"secret":"details"}`),
		}
	}
	r := health.Report{Status: health.Degraded, Time: noon, Checks: []health.CheckReport{
		check(`a "quoted\name"`, health.Healthy, true), check("cache", health.Degraded, false),
		check("orders", health.Unknown, false), check("redis", health.Down, false),
	}}
	r.Checks[3].Stuck, r.Checks[1].Flapping = true, true
	return r
}

func watching(report func() health.Report) func(*Config) {
	return func(c *Config) { c.Health = report }
}

func TestHealthRoute(t *testing.T) {
	a := newAPI(storetest.NewOracle(), watching(standing))
	w := ask(a, "GET /health", "")
	var answer health.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 200 || answer.Status != health.Degraded || len(answer.Checks) != 4 {
		t.Fatalf("got %d %s %v", w.Code, w.Body, err)
	}
	if c := answer.Checks["orders"]; c.Status != health.Degraded || c.State != health.Unknown || c.Reason != "because of orders" || c.ResponseTimeMS != 12 {
		t.Errorf("got %+v", c)
	}
	w = ask(a, "GET /health", "", "Accept", health.HealthJSON)
	if w.Header().Get("Content-Type") != health.HealthJSON || !strings.Contains(w.Body.String(), `"status":"warn"`) ||
		!strings.Contains(w.Body.String(), `"releaseId":"1.2.3"`) {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	// What load balancers and monitors add to a URL changes nothing.
	for _, path := range []string{"/health/", "/health?verbose", "/health/?hours=no&service=%zz&=&hours=1"} {
		if w := ask(a, "GET "+path, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"degraded"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	down := func() health.Report {
		r := standing()
		r.Status = health.Down
		return r
	}
	a = newAPI(storetest.NewOracle(), watching(down))
	for _, method := range []string{"GET", "HEAD"} {
		if w := ask(a, method+" /health", ""); w.Code != 503 {
			t.Errorf("%s with a critical check down: %d", method, w.Code)
		}
	}
	// What the hub looks at is no reason to restart it or to keep requests from it.
	for _, path := range []string{"/health/live", "/health/ready", "/health/started", "/health/live/", "/health/ready?verbose", "/health/started/?a=%zz"} {
		for _, method := range []string{"GET", "HEAD"} {
			if w := ask(a, method+" "+path, ""); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d %v", method, path, w.Code, w.Header())
			}
		}
	}
	w = ask(newAPI(storetest.NewOracle(), nil), "GET /health", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"status":"healthy"`) || !strings.Contains(w.Body.String(), `"checks":{}`) {
		t.Errorf("a hub that looks at nothing: %d %s", w.Code, w.Body)
	}
	starting := func() health.Report {
		return health.Report{Status: health.Degraded, Time: noon, Checks: []health.CheckReport{{Name: "redis"}}}
	}
	if w := ask(newAPI(storetest.NewOracle(), watching(starting)), "GET /health/started", ""); w.Code != 503 || !strings.Contains(w.Body.String(), `["redis"]`) {
		t.Errorf("before the first runs: %d %s", w.Code, w.Body)
	}
}

// Without the read token, if there is one, callers see statuses alone.
func TestHealthOfStrangers(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Health, c.Tokens = standing, Tokens{Read: "secret", Ingest: "other"} })
	for _, c := range []struct {
		token string
		sees  bool
	}{{"", false}, {"wrong", false}, {"other", false}, {"secret", true}} {
		for _, accept := range []string{"*/*", health.HealthJSON} {
			w := ask(a, "GET /health", "", "Authorization", "Bearer "+c.token, "Accept", accept)
			body := w.Body.String()
			if w.Code != 200 || !strings.Contains(body, "redis") || strings.Contains(body, "because of") != c.sees || strings.Contains(body, "secret") != c.sees {
				t.Errorf("with %q: %d %s", c.token, w.Code, body)
			}
		}
	}
	problem(t, ask(a, "GET /api/v1/health/history?name=redis", ""), http.StatusUnauthorized)
}

func TestHistoryRoute(t *testing.T) {
	o := storetest.NewOracle()
	minute := time.Minute.Milliseconds()
	b := &wire.Batch{Instance: "hub", Sequence: 1}
	for i := range int64(10) {
		h := wire.HealthResult{Check: "redis", Status: health.Healthy, From: noon.UnixMilli() - (10-i)*minute, To: noon.UnixMilli() - (9-i)*minute}
		if i == 4 || i == 5 {
			h.Status, h.Reason, h.Failures, h.Details = health.Down, "connection refused", 1, `{"a":1}`
		}
		h.Latency.Record((i + 1) * 1e6)
		b.Health = append(b.Health, h)
	}
	b.Health = append(b.Health, wire.HealthResult{Service: "orders", Check: "stock", Status: health.Healthy, From: noon.UnixMilli() - 30*minute*60, To: noon.UnixMilli() - 30*minute*60})
	if _, err := o.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	a := newAPI(o, watching(func() health.Report {
		r := standing()
		redis := &r.Checks[3] // as the history has it
		redis.Status, redis.Since = health.Healthy, noon.Add(-4*time.Minute)
		return r
	}))
	get := func(query string) (h report.History) {
		t.Helper()
		w := ask(a, "GET /api/v1/health/history?"+query, "")
		if err := json.Unmarshal(w.Body.Bytes(), &h); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		return h
	}
	h := get("name=redis&hours=1")
	if h.Name != "redis" || h.Status != "healthy" || h.Checks != 10 || h.Failures != 2 || *h.UptimePercent != 80 || h.MaxResponseTime != 10 ||
		h.TransitionsTotal != 2 || h.Window.Hours != 1 || h.KnownPercent < 16 || h.KnownPercent > 17 {
		t.Errorf("got %+v", h)
	}
	var statuses []string
	for _, s := range h.Segments {
		statuses = append(statuses, s.Status)
	}
	if got := strings.Join(statuses, " "); got != "healthy down healthy" || h.Segments[1].From != noon.UnixMilli()-6*minute || h.Segments[1].Reason != "connection refused" {
		t.Errorf("got %+v", h.Segments)
	}
	if x := h.Transitions[1]; x.From != "healthy" || x.To != "down" || x.Reason != "connection refused" || x.LastedMS != 2*minute || string(x.Details) != `{"a":1}` {
		t.Errorf("got %+v", x)
	}
	if h := get("name=redis&limit=1"); len(h.Transitions) != 1 || h.TransitionsTotal != 2 || h.Window.Hours != 24 {
		t.Errorf("got %+v", h)
	}
	if h := get("name=orders/stock&hours=48"); h.Status != "unknown" || h.UptimePercent == nil || h.Segments[0].Status != "healthy" {
		t.Errorf("got %+v", h)
	}
	// What the store does not have yet is known all the same.
	if h := get("name=cache"); h.Status != "degraded" || *h.UptimePercent != 100 || h.DegradedPercent != 100 || h.Checks != 0 {
		t.Errorf("got %+v", h)
	}
	if h := get("name=orders"); h.Status != "unknown" || h.UptimePercent != nil || h.Transitions == nil {
		t.Errorf("got %+v", h)
	}
	for query, want := range map[string]string{
		"name=redsi":          `there is no check "redsi"; did you mean "redis"?`,
		"name=quite-another":  `there is no check "quite-another"`,
		"name=orders/stock":   `the check "orders/stock" did not run in this window; increase hours`,
		"name=orders%2Fstokc": `did you mean "orders/stock"?`,
	} {
		if p := problem(t, ask(a, "GET /api/v1/health/history?"+query, ""), http.StatusNotFound); !strings.Contains(p.Detail, want) {
			t.Errorf("%s: %s, want %s", query, p.Detail, want)
		}
	}
	for query, field := range map[string]string{
		"": "query.name", "name=": "query.name", "name=" + strings.Repeat("x", 101): "query.name", "name=a&hours=0": "query.hours",
		"name=a&hours=2161": "query.hours", "name=a&hours=x": "query.hours", "name=a&limit=0": "query.limit", "name=a&limit=1001": "query.limit",
		"name=a&hour=1": "query.hour",
	} {
		p := problem(t, ask(a, "GET /api/v1/health/history?"+query, ""), http.StatusUnprocessableEntity)
		if len(p.Errors) == 0 || p.Errors[0].Location != field {
			t.Errorf("%s: %+v, want %s", query, p, field)
		}
	}
}

// The last span of a service's check lasts until now, as its heartbeats report, though the
// store has only its beginning until the minute is over.
func TestHistoryOfAServicesCheck(t *testing.T) {
	o := storetest.NewOracle()
	down := noon.Add(-50 * time.Second).UnixMilli()
	if _, err := o.Append(t.Context(), &wire.Batch{Instance: "shop-1", Sequence: 1, Health: []wire.HealthResult{
		{Service: "shop", Check: "stock", Status: health.Healthy, From: down - 100_000, To: down},
		{Service: "shop", Check: "stock", Status: health.Down, Reason: "gone", From: down, To: down},
	}}); err != nil {
		t.Fatal(err)
	}
	a := newAPI(o, watching(func() health.Report {
		r := standing()
		r.Checks[2].Name, r.Checks[2].CheckedAt = "shop", noon.Add(-10*time.Second)
		r.Checks[2].Details = json.RawMessage(`{"instances":1,"checks":{"stock":{"status":"down","reason":"gone","response_time_ms":1}}}`)
		r.Checks[3].Name, r.Checks[3].Details = "polled", json.RawMessage(`{"checks":{"stock":"down"}}`)
		return r
	}))
	h := get[report.History](t, a, "/api/v1/health/history?name=shop/stock")
	if len(h.Segments) != 2 || h.Segments[1] != (report.Stretch{From: down, To: noon.UnixMilli(), Status: "down", Reason: "gone"}) || h.Status != "down" || math.Abs(*h.UptimePercent-100*100./150) > 0.01 {
		t.Errorf("%+v, up %v", h.Segments, *h.UptimePercent)
	}
	problem(t, ask(a, "GET /api/v1/health/history?name=polled/stock", ""), http.StatusNotFound)
}

// Checks whose names are the same when they are joined with their services' stay apart.
func TestHistoryOfJoinedNames(t *testing.T) {
	o := storetest.NewOracle()
	from := noon.Add(-10 * time.Minute).UnixMilli()
	result := func(service, check string, status health.Status) wire.HealthResult {
		h := wire.HealthResult{Service: service, Check: check, Status: status, From: from, To: noon.UnixMilli()}
		h.Latency.Record(1e6)
		return h
	}
	if _, err := o.Append(t.Context(), &wire.Batch{Instance: "a", Sequence: 1, Health: []wire.HealthResult{
		result("a", "b/c", health.Healthy), result("a/b", "c", health.Down), result("", "x/y", health.Degraded), result("x", "y", health.Down),
		result("x/y", "", health.Degraded),
	}}); err != nil {
		t.Fatal(err)
	}
	a := newAPI(o, watching(func() health.Report {
		r := standing()
		r.Checks[0].Name, r.Checks[0].Status, r.Checks[0].Since = "x/y", health.Degraded, noon.Add(-time.Hour)
		r.Checks[1].Name, r.Checks[1].Details = "a", json.RawMessage(`{"checks":{"b/c":{"status":"healthy"}}}`)
		r.Checks[2].Name, r.Checks[2].Details = "a/b", json.RawMessage(`{"checks":{"c":{"status":"down"}}}`)
		return r
	}))
	for query, want := range map[string]string{
		"name=b/c&service=a": "a/b/c healthy 1 [healthy]", "name=c&service=a/b": "a/b/c down 1 [down]",
		"name=x/y": "x/y degraded 2 [degraded]", "name=y&service=x": "x/y down 1 [down]",
	} {
		h := get[report.History](t, a, "/api/v1/health/history?"+query)
		var statuses []string
		for _, s := range h.Segments {
			statuses = append(statuses, s.Status)
		}
		status := h.Status
		if query == "name=y&service=x" { // its service is not there
			status = "down"
		}
		if got := fmt.Sprint(h.Name, " ", status, " ", h.Checks, " ", statuses); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	p := problem(t, ask(a, "GET /api/v1/health/history?name=a/b/c", ""), http.StatusUnprocessableEntity)
	if want := `"a/b/c" is the name of several checks; add service=a with name=b/c, or service=a/b with name=c`; p.Detail != want {
		t.Errorf("%s, want %s", p.Detail, want)
	}
	problem(t, ask(a, "GET /api/v1/health/history?name=none&service=a", ""), http.StatusNotFound)
}

// Equal queries share an answer, but not one from before a check changed; and a new check
// is found at once.
func TestSharedHistory(t *testing.T) {
	st := &counting{Store: storetest.NewOracle()}
	now, redis := noon, health.State{Status: health.Down, Since: noon.Add(-time.Minute)}
	a := newAPI(st, func(c *Config) {
		c.Now = func() time.Time { return now }
		c.Health = func() health.Report {
			r := standing()
			r.Checks[3].State = redis
			return r
		}
	})
	for _, c := range []struct {
		query string
		after time.Duration
		asks  bool
	}{
		{"name=redis&hours=1", 0, true}, {"name=redis&hours=1", 1999 * time.Millisecond, false}, {"name=redis&hours=1", time.Millisecond, true},
		{"name=redis&limit=40", 0, true}, {"name=redis&limit=41", 0, true}, {"name=redis&limit=40", 4999 * time.Millisecond, false},
		{"name=redis&hours=168", 0, true}, {"name=cache&hours=168", 0, true}, {"name=redis&hours=168", 14 * time.Second, false}, {"name=redis&hours=168", time.Second, true},
	} {
		now = now.Add(c.after)
		before := st.asked
		w := ask(a, "GET /api/v1/health/history?"+c.query, "")
		if w.Code != http.StatusOK || (st.asked > before) != c.asks {
			t.Errorf("%s after %v: %d, asked the store %v", c.query, c.after, w.Code, st.asked > before)
		}
		again := ask(a, "GET /api/v1/health/history?"+c.query, "", "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: %d %q to those who have it", c.query, again.Code, again.Body)
		}
	}
	redis = health.State{Status: health.Healthy, Since: now}
	if h := get[report.History](t, a, "/api/v1/health/history?name=redis&hours=168"); h.Status != "healthy" {
		t.Errorf("after it recovered: %+v", h)
	}

	const late = "/api/v1/health/history?name=late/one&hours=168"
	problem(t, ask(a, "GET "+late, ""), http.StatusNotFound)
	b := &wire.Batch{Instance: "late", Sequence: 1, Health: []wire.HealthResult{
		{Service: "late", Check: "one", Status: health.Healthy, From: now.UnixMilli() - 1000, To: now.UnixMilli()},
	}}
	if _, err := st.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want := report.Stretch{From: now.UnixMilli() - 1000, To: now.UnixMilli(), Status: "healthy"}
	if h := get[report.History](t, a, late); len(h.Segments) != 1 || h.Segments[0] != want {
		t.Errorf("%+v, want %+v", h.Segments, want)
	}
}

// ailing is a store whose health cannot be read.
type ailing struct{ store.Store }

func (ailing) Health(context.Context, store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) { yield(nil, store.ErrUnavailable) }
}

// nameless is a store whose names of checks cannot be read.
type nameless struct{ store.Store }

func (nameless) HealthNames(context.Context, rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) { yield("", fmt.Errorf("disk: %w", store.ErrUnavailable)) }
}

func TestHistoryOfABrokenStore(t *testing.T) {
	for _, st := range []store.Store{ailing{storetest.NewOracle()}, nameless{storetest.NewOracle()}} {
		a := newAPI(st, watching(standing))
		problem(t, ask(a, "GET /api/v1/health/history?name=none", ""), http.StatusServiceUnavailable)
		// And yet no status is worse for it.
		if w := ask(a, "GET /health", ""); w.Code != 200 {
			t.Errorf("/health is %d", w.Code)
		}
	}
}

func TestHealthInTheExposition(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) {
		c.Health, c.HealthRows = standing, func() (uint64, uint64) { return 7, 2 }
	})
	body := ask(a, "GET /metrics", "").Body.String()
	for _, line := range []string{
		`kymo_check_status{check="redis",status="down"} 1`, `kymo_check_status{check="redis",status="healthy"} 0`,
		`kymo_check_status{check="orders",status="unknown"} 1`, `kymo_check_status{check="a \"quoted\\name\"",status="healthy"} 1`,
		`kymo_check_response_seconds{check="redis"} 0.012`, `kymo_check_stuck{check="redis"} 1`, `kymo_check_stuck{check="cache"} 0`,
		`kymo_check_flapping{check="cache"} 1`, `kymo_health_results_total 7`, `kymo_health_results_dropped_total 2`,
		"# TYPE kymo_check_status gauge", "# TYPE kymo_health_results_total counter",
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}
