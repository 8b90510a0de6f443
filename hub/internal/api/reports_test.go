package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

func TestQueriesThatAreRefused(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for query, want := range map[string][2]string{
		"hours=0":                              {"query.hours", "1"},
		"hours=169":                            {"query.hours", "168"},
		"hours=-1":                             {"query.hours", "1"},
		"hours=abc":                            {"query.hours", "integer"},
		"hours=":                               {"query.hours", "must not be empty"},
		"hours":                                {"query.hours", "must not be empty"},
		"hours=1.5":                            {"query.hours", "integer"},
		"hours=99999999999999999999":           {"query.hours", ""},
		"hours=1&hours=2":                      {"query.hours", "more than once"},
		"hour=1":                               {"query.hour", `did you mean "hours"?`},
		"Hours=1":                              {"query.Hours", `did you mean "hours"?`},
		"colour=red":                           {"query.colour", "known are hours, service, endpoint, method"},
		"hours=%zz":                            {"query", "invalid URL escape"},
		"hours=1;service=a":                    {"query", "semicolon"},
		"service=" + strings.Repeat("s", 101):  {"query.service", "100"},
		"endpoint=" + strings.Repeat("e", 256): {"query.endpoint", "255"},
	} {
		for _, path := range []string{"/metrics/performance?", "/metrics/endpoints?"} {
			p := problem(t, ask(a, "GET "+path+query, ""), http.StatusUnprocessableEntity)
			wrongAt(t, p, want[0], want[1])
		}
	}
	for query, want := range map[string][2]string{
		"sort=speed": {"query.sort", "one of"}, "sort=": {"query.sort", "must not be empty"},
		"limit=0": {"query.limit", "1"}, "limit=10001": {"query.limit", "10000"}, "limit=x": {"query.limit", "integer"},
	} {
		p := problem(t, ask(a, "GET /metrics/endpoints?"+query, ""), http.StatusUnprocessableEntity)
		wrongAt(t, p, want[0], want[1])
	}
	wrongAt(t, problem(t, ask(a, "POST /api/v1/requests?sync=1", metric), http.StatusUnprocessableEntity), "query.sync", "takes none")
}

// fill sends the API 300 requests of known durations, and returns these, sorted, in ms.
func fill(t *testing.T, a *API) (sorted []float64) {
	t.Helper()
	var body strings.Builder
	for i := range 300 {
		ms := math.Exp(float64(i*7919%300) / 40)
		sorted = append(sorted, ms)
		status := []int{200, 201, 404, 503, 499}[i%5]
		fmt.Fprintf(&body, `{"endpoint":"/%s/%d","method":"%s","response_time_ms":%.6f,"status_code":%d,"service":"%s","timestamp":"%s"}`+"\n",
			[]string{"users", "orders"}[i%2], i, []string{"get", "POST"}[i%2], ms, status, []string{"web", "web", "api"}[i%3],
			noon.Add(-time.Duration(i%30)*time.Hour-time.Second).Format(time.RFC3339))
	}
	if w := ask(a, "POST /api/v1/requests", body.String(), "Content-Type", "application/x-ndjson"); w.Code != http.StatusAccepted {
		t.Fatal(w.Body)
	}
	slices.Sort(sorted)
	return sorted
}

func TestPerformance(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	sorted := fill(t, a)
	var p report.Performance
	get := func(query string) {
		t.Helper()
		w := ask(a, "GET /metrics/performance"+query, "")
		p = report.Performance{}
		if err := json.Unmarshal(w.Body.Bytes(), &p); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	get("?hours=168")
	for q, got := range map[float64]float64{0.5: p.P50ResponseTime, 0.95: p.P95ResponseTime, 0.99: p.P99ResponseTime} {
		if want := sorted[int(q*300)-1]; math.Abs(got-want) > 0.0055*want {
			t.Errorf("percentile %v is %v; want %v", q, got, want)
		}
	}
	if p.TotalRequests != 300 || p.ErrorRate != 0.2 || p.ClientErrorRate != 0.2 || p.Trust.Samples != 300 || len(p.SlowestEndpoints) != 4 {
		t.Errorf("got %+v", p)
	}
	if p.Window.Hours != 168 || !p.Window.To.Equal(noon) || p.Window.To.Sub(p.Window.From) != 168*time.Hour {
		t.Errorf("window %+v", p.Window)
	}
	for query, want := range map[string]uint64{
		"": 240, "?hours=24": 240, "?hours=1": 10, "?hours=168&service=api": 100, "?hours=168&endpoint=/none": 0, "?hours=168&method=post": 150,
		"?hours=168&endpoint=/users/{id}": 150, "?hours=168&endpoint=/users/%7Bid%7D&service=api": 50, "?service=&endpoint=&method=": 240,
	} {
		if get(query); p.TotalRequests != want {
			t.Errorf("%q counts %d requests; want %d", query, p.TotalRequests, want)
		}
	}
}

func TestEndpointList(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	w := ask(a, "GET /metrics/endpoints?hours=168&sort=name&limit=3", "")
	var rows []report.Endpoint
	if err := json.Unmarshal(w.Body.Bytes(), &rows); err != nil || len(rows) != 3 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if e := rows[0]; e.Service != "api" || e.Endpoint != "/orders/{id}" || e.Method != "POST" || e.TotalRequests != 50 {
		t.Errorf("got %+v", e)
	}
	for name, want := range map[string]string{
		"X-Total-Count": "4", "Kymo-Dropped": "0", "Kymo-Overflowed": "0",
		"Kymo-Window-From": "2026-11-16T12:00:00Z", "Kymo-Window-To": "2026-11-23T12:00:00Z",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	var judged []report.Endpoint
	a.Apply(Settings{Slow: &report.Slow{MinSamples: 51}})
	w = ask(a, "GET /metrics/endpoints?hours=168&sort=p95&limit=3&judged=true", "")
	if err := json.Unmarshal(w.Body.Bytes(), &judged); err != nil || len(judged) != 2 || judged[0].TotalRequests != 100 || w.Header().Get("X-Total-Count") != "2" {
		t.Errorf("%v: with enough requests: %s", err, w.Body)
	}
	if w := ask(a, "GET /metrics/endpoints?endpoint=/none", ""); strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("no endpoints: %s", w.Body)
	}
}

// The names of an element are a contract.
func TestNamesInAnswers(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	var p map[string]any
	if err := json.Unmarshal(ask(a, "GET /metrics/performance", "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"total_requests", "avg_response_time", "p95_response_time", "p99_response_time", "error_rate", "slowest_endpoints", "window", "trust"} {
		if _, ok := p[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	element := p["slowest_endpoints"].([]any)[0].(map[string]any)
	for _, name := range []string{"service", "endpoint", "method", "total_requests", "avg_response_time", "p50_response_time", "p95_response_time",
		"p99_response_time", "max_response_time", "error_rate", "client_error_rate", "slow", "slow_reason"} {
		if _, ok := element[name]; !ok {
			t.Errorf("no %s in an element", name)
		}
	}
}

func TestWhatWasDroppedShowsInReports(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: wire.Other, Method: "GET", Status: 200}, Start: noon.UnixMilli() - 1})
	b.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/a", Method: "GET", Status: 200}, Start: noon.Add(48 * time.Hour).UnixMilli()})
	b.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/a", Method: "GET", Status: 200}, Start: noon.Add(-200 * time.Hour).UnixMilli()})
	b.AddDrop(wire.Drop{Service: "web", At: noon.UnixMilli() - 1, Count: 7, Reason: wire.QueueFull})
	b.AddDrop(wire.Drop{Service: "web", At: noon.Add(-30 * time.Hour).UnixMilli(), Count: 100, Reason: wire.QueueFull})
	b.AddDrop(wire.Drop{Service: "web", At: noon.Add(-200 * time.Hour).UnixMilli(), Count: 3, Reason: wire.QueueFull})
	w := ask(a, "POST /api/v1/batches", string(b.Batch("sdk", 1).AppendBinary(nil)), "Content-Type", wire.ContentType)
	if got := strings.TrimSpace(w.Body.String()); got != `{"accepted":1,"duplicate":false,"dropped":2,"dropped_reasons":{"too_old":1,"in_future":1}}` {
		t.Errorf("got %d %s", w.Code, got)
	}
	a.Now = func() time.Time { return noon.Add(time.Second) }
	w = ask(a, "GET /metrics/endpoints", "")
	if w.Header().Get("Kymo-Dropped") != "8" || w.Header().Get("Kymo-Overflowed") != "1" {
		t.Errorf("headers %v", w.Header())
	}
	// What is older than all that is kept is not missing from the numbers of today.
	p := get[report.Performance](t, a, "/metrics/performance")
	want := report.Trust{
		Samples: 1, ErrorBound: p.Trust.ErrorBound, InsufficientData: true, Overflowed: 1,
		Dropped: 8, DroppedReasons: map[string]uint64{"queue_full": 7, "in_future": 1}, TooOld: 4,
	}
	if !reflect.DeepEqual(p.Trust, want) {
		t.Errorf("got %+v, want %+v", p.Trust, want)
	}
	s := get[report.Series](t, a, "/api/v1/timeseries?from=2026-11-22T13:00:00Z&to="+noon.Add(time.Second).Format(time.RFC3339))
	if !reflect.DeepEqual(s.Trust, want) {
		t.Errorf("the series have %+v, want %+v", s.Trust, want)
	}
	for _, line := range []string{`kymo_ingest_dropped_requests_total{reason="queue_full"} 110`, `kymo_ingest_dropped_requests_total{reason="rejected"} 0`,
		`kymo_ingest_lost_requests_total{reason="too_old"} 1`, `kymo_ingest_lost_requests_total{reason="in_future"} 1`} {
		if !strings.Contains(ask(a, "GET /metrics", "").Body.String(), line+"\n") {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
