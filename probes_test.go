package kymo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProbesAreCountedApart(t *testing.T) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /healthz", "/livez", "GET h.example/readyz", "/health/{$}", "/orders/health", "/"} {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	for _, test := range []struct {
		target, agent string
		probe         bool
	}{
		{"/healthz", "", true},
		{"/livez", "", true},
		{"http://h.example/readyz", "", true},
		{"/health/", "", true},
		{"/orders/health", "", false},
		{"/", "kube-probe/1.34", true},
		{"/", "Mozilla/5.0", false},
	} {
		m, sink := monitor(t)
		r := httptest.NewRequest("GET", test.target, nil)
		if test.agent != "" {
			r.Header.Set("User-Agent", test.agent)
		}
		w := httptest.NewRecorder()
		m.Middleware(mux).ServeHTTP(w, r)
		closeMonitor(t, m)
		s := m.Stats()
		if s.Probes == 1 != test.probe || len(sink.kept()) == 0 != test.probe || s.Recorded+s.Probes != 1 || w.Header().Get(responseTime) == "" {
			t.Errorf("%s by %q: stats %+v", test.target, test.agent, s)
		}
	}
}

// TestHealthHandlerBehindWriters: probes are found as requests are.
func TestHealthHandlerBehindWriters(t *testing.T) {
	m, _ := monitor(t)
	do(m.Middleware(hiding(m.HealthHandler())), "GET", "/status")
	do(m.Middleware(fresh(m.HealthHandler())), "GET", "/status")
	if s := m.Stats(); s.Probes != 2 || s.Recorded != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestFilter(t *testing.T) {
	var log logs
	m, sink := monitor(t, WithLogger(log.logger()), WithFilter(nil),
		WithFilter(func(r *http.Request) bool { return r.URL.Path != "/assets/x.js" }),
		WithFilter(func(r *http.Request) bool {
			if r.URL.Path == "/panics" {
				panic("oops")
			}
			return r.Method != "OPTIONS"
		}))
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = r.URL.Path
		Ignore(w)
		if r.URL.Path == "/assets/x.js" {
			if _, ok := w.(*httptest.ResponseRecorder); !ok {
				t.Errorf("the response of a request that is left out is a %T", w)
			}
			return
		}
		if r.URL.Path != "/ignored" {
			inWriter(w).state.And(^uint32(flagIgnored))
		}
	}))
	do(h, "GET", "/assets/x.js")
	do(h, "OPTIONS", "/assets/x.js")
	do(h, "GET", "/ignored")
	do(h, "GET", "/panics")
	if got := one(t, m, sink); got.Endpoint != "/panics" {
		t.Errorf("recorded %+v", got)
	}
	if s := m.Stats(); s.Ignored != 3 || s.Recorded != 1 || s.Panics != 1 || len(s.Problems) != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestChainWithoutRoutes(t *testing.T) {
	answers := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
	}
	const line = "without a route"
	for _, test := range []struct {
		name   string
		method string
		h      http.Handler
		lines  int
	}{
		{"answered", "GET", answers(200), 1},
		{"failed", "GET", answers(500), 1},
		{"refused", "GET", answers(401), 0},
		{"not found", "GET", answers(404), 0},
		{"CORS", "OPTIONS", answers(204), 0},
		{"routed", "GET", mount("/", answers(200)), 0},
	} {
		var log logs
		m, _ := monitor(t, WithLogger(log.logger()))
		h := m.Middleware(test.h)
		do(h, test.method, "/")
		do(h, test.method, "/")
		closeMonitor(t, m)
		if n := log.count(line); n != test.lines {
			t.Errorf("%s: logged %d lines: %s", test.name, n, log.b.String())
		}
	}
	// What had routes before is a chain with routes.
	var log logs
	m, _ := monitor(t, WithLogger(log.logger()))
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a" {
			r.Pattern = "/a"
		}
		w.WriteHeader(200)
	}))
	do(h, "GET", "/a")
	do(h, "GET", "/b")
	if log.count(line) != 0 {
		t.Errorf("logged %s", log.b.String())
	}
	for typ, want := range map[string]string{"*gin.Engine": "kymogin", "*chi.Mux": "kymochi", "*echo.Echo": "kymoecho", "*mux.Router": "kymomux", "http.HandlerFunc": "WithRoutes"} {
		if hint := routeHint(typ); !strings.Contains(hint, want) {
			t.Errorf("%s: %q", typ, hint)
		}
	}
}
