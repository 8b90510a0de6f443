package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/hosts"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// by sends a request to a host name.
func by(h http.Handler, host, line, body string, headers ...string) *httptest.ResponseRecorder {
	r := request(line, strings.NewReader(body), headers...)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestOtherNames: a name that is not the hub's own gets nothing from it, at any path,
// and nothing of its request is read.
func TestOtherNames(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Hosts = hosts.Listed([]string{"kymo.example.com"}) })
	for _, line := range []string{"GET /", "GET /health/live", "GET /metrics", "GET /api/v1/services", "GET /nothing", "GET /assets/app.js", "BREW /"} {
		// Headers that any client can send change nothing.
		p := problem(t, by(a, "Evil.example:5966", line, "", "X-Forwarded-Host", "localhost", "Forwarded", "host=localhost"), http.StatusMisdirectedRequest)
		if p.Detail != "this hub does not answer to the name evil.example; if it is the hub's own, add it to its configuration: hosts: [evil.example]" {
			t.Errorf("%s: %s", line, p.Detail)
		}
	}
	r := request("POST /api/v1/requests", untouchable{t}, "Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin")
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if problem(t, w, http.StatusMisdirectedRequest); w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open, and so the server reads on")
	}
	if p := problem(t, by(a, `a"<b>`, "GET /", ""), http.StatusMisdirectedRequest); !strings.Contains(p.Detail, "the name NAME;") {
		t.Errorf("what is not a name is repeated: %s", p.Detail)
	}
	for _, host := range []string{"", "localhost:5966", "10.1.2.3:5966", "[::1]:5966", "kymo.example.com", "KYMO.example.com.:443"} {
		if w := by(a, host, "GET /health/live", ""); w.Code != http.StatusOK {
			t.Errorf("by %q: %d", host, w.Code)
		}
	}
}

// TestApplyChangesTheNames that are answered.
func TestApplyChangesTheNames(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for _, step := range []struct {
		names  hosts.Names
		status int
	}{
		{hosts.Any(), http.StatusOK},
		{hosts.Names{}, http.StatusMisdirectedRequest},
		{hosts.Listed([]string{"kymo.example.com"}), http.StatusOK},
		{hosts.Listed([]string{"other.example.com"}), http.StatusMisdirectedRequest},
	} {
		a.Apply(Settings{Slow: &report.Slow{}, Hosts: step.names})
		if w := by(a, "kymo.example.com", "GET /health", ""); w.Code != step.status {
			t.Errorf("%+v: %d", step.names, w.Code)
		}
	}
}
