package health

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	checkedAt = time.Date(2026, 11, 23, 10, 15, 30, 5e6, time.FixedZone("", 3600))
	since     = checkedAt.Add(-time.Hour)
)

func report(checks ...CheckReport) func() Report {
	r := Report{Status: Healthy, Time: checkedAt.Add(time.Second)}
	for _, c := range checks {
		r.Add(c)
	}
	return func() Report { return r }
}

var (
	wellDatabase = CheckReport{
		Name: "database", Kind: "postgres", Critical: true, State: State{Status: Healthy, Since: since},
		Runs: 3, CheckedAt: checkedAt, Latency: 12345 * time.Microsecond, Details: json.RawMessage(`{"connections":7}`),
	}
	downDatabase = CheckReport{
		Name: "database", Kind: "postgres", Critical: true, State: State{Status: Down, Since: since},
		Runs: 3, CheckedAt: checkedAt, Latency: 2 * time.Second, Reason: "no answer within 2 s",
	}
	flappingCache = CheckReport{
		Name: "cache", Kind: "redis", State: State{Status: Degraded, Flapping: true, Since: since},
		Runs: 3, CheckedAt: checkedAt, Latency: time.Millisecond, Reason: "alternates between results", Passive: true,
	}
	newModels   = CheckReport{Name: "ml_models", Kind: "kserve", Reason: "not checked yet"}
	downProcess = CheckReport{
		Name: "loop", Kind: "self", ForLiveness: true, State: State{Status: Down, Since: since}, Runs: 1, Stuck: true,
	}
)

func ask(t *testing.T, h *Handler, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// equalJSON fails the test unless got is the same value as want.
func equalJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHealth(t *testing.T) {
	for _, c := range []struct {
		name   string
		report func() Report
		status int
		want   string
	}{
		{"nothing to check", report(), 200, `{"status":"healthy","timestamp":"2026-11-23T09:15:31.005Z","checks":{}}`},
		{"well", report(wellDatabase), 200, `{"status":"healthy","timestamp":"2026-11-23T09:15:31.005Z","checks":{
			"database":{"service":"database","status":"healthy","response_time_ms":12,"details":{"connections":7},
				"state":"healthy","since":"2026-11-23T08:15:30.005Z","checked_at":"2026-11-23T09:15:30.005Z","critical":true}}}`},
		{"a critical one is down", report(downDatabase, flappingCache), 503, `{"status":"down","timestamp":"2026-11-23T09:15:31.005Z","checks":{
			"database":{"service":"database","status":"down","response_time_ms":2000,"details":{},"reason":"no answer within 2 s",
				"state":"down","since":"2026-11-23T08:15:30.005Z","checked_at":"2026-11-23T09:15:30.005Z","critical":true},
			"cache":{"service":"cache","status":"degraded","response_time_ms":1,"details":{},"reason":"alternates between results",
				"state":"degraded","since":"2026-11-23T08:15:30.005Z","checked_at":"2026-11-23T09:15:30.005Z","flapping":true,"passive":true}}}`},
		{"nobody has looked yet", report(newModels), 200, `{"status":"degraded","timestamp":"2026-11-23T09:15:31.005Z","checks":{
			"ml_models":{"service":"ml_models","status":"degraded","response_time_ms":0,"details":{},"reason":"not checked yet","state":"unknown"}}}`},
		{"down but not critical", report(wellDatabase, downProcess), 200, `{"status":"degraded","timestamp":"2026-11-23T09:15:31.005Z","checks":{
			"database":{"service":"database","status":"healthy","response_time_ms":12,"details":{"connections":7},
				"state":"healthy","since":"2026-11-23T08:15:30.005Z","checked_at":"2026-11-23T09:15:30.005Z","critical":true},
			"loop":{"service":"loop","status":"down","response_time_ms":0,"details":{},"state":"down","since":"2026-11-23T08:15:30.005Z","stuck":true}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, accept := range []string{"", "*/*", "application/json", "application/health+json;q=0"} {
				w := ask(t, &Handler{Report: c.report}, "GET", "/health", accept)
				if w.Code != c.status || w.Header().Get("Content-Type") != "application/json" ||
					w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Vary") != "Accept" {
					t.Errorf("got %d, %v", w.Code, w.Header())
				}
				equalJSON(t, w.Body.Bytes(), c.want)
			}
		})
	}
}

// A caller that may not see details sees statuses, and nothing of what the checks saw.
func TestHealthWithoutDetails(t *testing.T) {
	h := &Handler{
		Report:  report(wellDatabase, downDatabase, flappingCache),
		Details: func(r *http.Request) bool { return r.Header.Get("Authorization") != "" },
	}
	for _, accept := range []string{"", HealthJSON} {
		body := ask(t, h, "GET", "/health", accept).Body.String()
		for _, secret := range []string{"connections", "no answer", "goes back"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s shows %q", body, secret)
			}
		}
		if accept == "" && (strings.Count(body, `"details":{}`) != 2 || !strings.Contains(body, `"status":"down"`)) {
			t.Error(body)
		}
	}
	if body := ask(t, h, "GET", "/health/ready", "").Body.String(); body != `{"status":"down"}`+"\n" {
		t.Error(body)
	}
	r := httptest.NewRequest("GET", "/health", nil)
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), "no answer within 2 s") {
		t.Error("no details for who may see them")
	}
}

// The fields of draft-inadarei-api-health-check-06, sections 3 and 4. The one
// that is left out, affectedEndpoints, is optional, as all but status are.
func TestHealthJSON(t *testing.T) {
	info := Info{
		ServiceID: "orders", Version: "1", ReleaseID: "1.2.3", Description: "takes orders",
		Notes: []string{"moving soon"}, Links: map[string]string{"about": "https://example.com/orders"},
	}
	for _, c := range []struct {
		name   string
		report func() Report
		status int
		want   string
	}{
		{"pass", report(wellDatabase), 200, `"status":"pass","checks":{"database:responseTime":[{
			"componentId":"database","componentType":"datastore","observedValue":12.345,"observedUnit":"ms",
			"status":"pass","time":"2026-11-23T09:15:30.005Z","details":{"connections":7}}]}`},
		{"warn", report(flappingCache, newModels), 200, `"status":"warn","checks":{
			"cache:responseTime":[{"componentId":"cache","componentType":"datastore","observedValue":1,"observedUnit":"ms",
				"status":"warn","time":"2026-11-23T09:15:30.005Z","output":"alternates between results"}],
			"ml_models:responseTime":[{"componentId":"ml_models","componentType":"component","status":"warn","output":"not checked yet"}]}`},
		{"fail", report(downDatabase), 503, `"status":"fail","output":"database: no answer within 2 s","checks":{"database:responseTime":[{
			"componentId":"database","componentType":"datastore","observedValue":2000,"observedUnit":"ms",
			"status":"fail","time":"2026-11-23T09:15:30.005Z","output":"no answer within 2 s"}]}`},
		{"a system's", report(CheckReport{Name: "disk", Kind: "disk", State: State{Status: Healthy}}), 200,
			`"status":"pass","checks":{"disk:responseTime":[{"componentId":"disk","componentType":"system","status":"pass"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, accept := range []string{HealthJSON, "text/html, Application/Health+JSON;q=0.8, */*;q=0.1", "application/health+json; version=1"} {
				w := ask(t, &Handler{Report: c.report, Info: info}, "GET", "/health", accept)
				if w.Code != c.status || w.Header().Get("Content-Type") != HealthJSON || w.Header().Get("Vary") != "Accept" {
					t.Errorf("got %d, %v", w.Code, w.Header())
				}
				equalJSON(t, w.Body.Bytes(), `{"serviceId":"orders","version":"1","releaseId":"1.2.3","description":"takes orders",
					"notes":["moving soon"],"links":{"about":"https://example.com/orders"},`+c.want+`}`)
			}
		})
	}
	// Only the status is required.
	equalJSON(t, ask(t, &Handler{Report: report()}, "GET", "/health", HealthJSON).Body.Bytes(), `{"status":"pass"}`)
}

// Kubernetes takes 200 to 399 for success and looks at nothing else.
func TestKubernetesProbes(t *testing.T) {
	draining := func() Report { return Report{Status: Healthy, Draining: true} }
	for _, c := range []struct {
		name   string
		report func() Report
		path   string
		status int
		body   string
	}{
		{"live", report(wellDatabase), "/health/live", 200, `{"status":"healthy"}`},
		{"live whatever a dependency is like", report(downDatabase, newModels), "/health/live", 200, `{"status":"healthy"}`},
		{"live while it drains", draining, "/health/live", 200, `{"status":"healthy"}`},
		{"not live: a restart is the remedy", report(downProcess), "/health/live", 503, `{"status":"down","checks":["loop"]}`},
		{"ready", report(wellDatabase, flappingCache), "/health/ready", 200, `{"status":"healthy"}`},
		{"not ready without what it needs", report(downDatabase), "/health/ready", 503, `{"status":"down","checks":["database"]}`},
		{"not ready while it drains", draining, "/health/ready", 503, `{"status":"down"}`},
		{"started, whatever was seen", report(downDatabase), "/health/started", 200, `{"status":"healthy"}`},
		{"not started: not all was looked at", report(wellDatabase, newModels), "/health/started", 503, `{"status":"down","checks":["ml_models"]}`},
		{"under another root", report(wellDatabase), "/internal/status/ready", 200, `{"status":"healthy"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(t, &Handler{Report: c.report}, "GET", c.path, "")
			if w.Code != c.status || w.Body.String() != c.body+"\n" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s %v, want %d %s", w.Code, w.Body, w.Header(), c.status, c.body)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	h := &Handler{Report: report(wellDatabase)}
	server := httptest.NewServer(h)
	defer server.Close()
	get, err := http.Get(server.URL + "/health")
	if err != nil {
		t.Fatal(err)
	}
	get.Body.Close()
	head, err := http.Head(server.URL + "/health")
	if err != nil {
		t.Fatal(err)
	}
	head.Body.Close()
	if head.StatusCode != 200 || head.ContentLength != get.ContentLength || head.ContentLength <= 0 {
		t.Errorf("HEAD: %d, length %d; GET: %d", head.StatusCode, head.ContentLength, get.ContentLength)
	}
	w := ask(t, h, "POST", "/health", "")
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, %v", w.Code, w.Header())
	}
}

func TestStatusText(t *testing.T) {
	for s, name := range statusNames {
		text, err := Status(s).MarshalText()
		if err != nil || string(text) != name || Status(s).String() != name {
			t.Errorf("%d: %s, %v", s, text, err)
		}
		var back Status
		if err := back.UnmarshalText(text); err != nil || back != Status(s) {
			t.Errorf("%s: %v, %v", text, back, err)
		}
	}
	if _, err := Status(9).MarshalText(); err == nil || Status(9).String() != "Status(9)" {
		t.Error("a number that is not a status has a text")
	}
	if err := new(Status).UnmarshalText([]byte("fine")); err == nil || !strings.Contains(err.Error(), `"fine" is not a status; must be healthy`) {
		t.Error(err)
	}
	for s, want := range []Status{Degraded, Healthy, Degraded, Down} {
		if got := Status(s).Reported(); got != want {
			t.Errorf("%v is reported as %v", Status(s), got)
		}
	}
}

// What a run says is fit to be kept and shown, whatever it says.
func TestWhatRunsSayIsBounded(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"connection refused", "connection refused"},
		{"two\nlines\tand  spaces \x00", "two lines and spaces"},
		{"not \xff UTF-8", "not \uFFFD UTF-8"},
		{"turned \u202earound\u2028twice \u200b", "turned \uFFFDaround twice \uFFFD"},
		{strings.Repeat("a", MaxReason), strings.Repeat("a", MaxReason)},
		{strings.Repeat("a", MaxReason+1), strings.Repeat("a", MaxReason-4) + " …"},
		{strings.Repeat("ä", MaxReason), strings.Repeat("ä", MaxReason/2-2) + " …"},
	} {
		if got := brief(c.in); got != c.want {
			t.Errorf("%.40q gives %q, want %q", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		in   Details
		want string
	}{
		{nil, ""},
		{Details{}, ""},
		{Details{"a": 1}, `{"a":1}`},
		{Details{"a\u202e": "\x1b[2J\n"}, `{"a` + "\uFFFD" + `":"\ufffd[2J\n"}`},
		{Details{"a": make(chan int)}, `{"error":"the details cannot be written as JSON: json: unsupported type: chan int"}`},
		{Details{"a": strings.Repeat("x", MaxDetails)}, `{"error":"the details take 4104 bytes; at most 4096"}`},
	} {
		if got := string(encode(c.in)); got != c.want {
			t.Errorf("%.40v gives %s, want %s", c.in, got, c.want)
		}
	}
}

func BenchmarkHealth1000Checks(b *testing.B) {
	checks := make([]CheckReport, 1000)
	for i := range checks {
		checks[i] = wellDatabase
		checks[i].Name = strings.Repeat("x", i%80) + time.Duration(i).String()
	}
	h := &Handler{Report: report(checks...)}
	r := httptest.NewRequest("GET", "/health", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
