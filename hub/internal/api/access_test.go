package api

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/hosts"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/racetest"
	"github.com/kymohq/kymo/internal/wire"
)

// access is who may use each route, by its line in the document: which token it needs,
// and what it answers those who may use it.
var access = map[string]struct {
	need    string
	query   string
	body    string
	media   string
	allowed int
}{
	"GET /":               {allowed: 200},
	"GET /assets/{name}":  {allowed: 404}, // not in the document: the page's files, of which tests have none
	"GET /docs":           {allowed: 200},
	"GET /openapi.json":   {allowed: 200},
	"GET /health":         {allowed: 200},
	"GET /health/live":    {allowed: 200},
	"GET /health/ready":   {allowed: 200},
	"GET /health/started": {allowed: 200},

	"GET /metrics":                   {need: forRead, allowed: 200},
	"GET /metrics/endpoints":         {need: forRead, allowed: 200},
	"GET /metrics/performance":       {need: forRead, allowed: 200},
	"GET /api/v1/health/history":     {need: forRead, query: "name=absent", allowed: 404},
	"GET /api/v1/timeseries":         {need: forRead, allowed: 200},
	"GET /api/v1/heatmap":            {need: forRead, allowed: 200},
	"GET /api/v1/requests":           {need: forRead, allowed: 200},
	"GET /api/v1/requests/export":    {need: forRead, allowed: 200},
	"GET /api/v1/users":              {need: forRead, allowed: 200},
	"GET /api/v1/cardinality":        {need: forRead, allowed: 200},
	"GET /api/v1/services":           {need: forRead, allowed: 200},
	"GET /api/v1/retention":          {need: forRead, allowed: 200},
	"POST /api/v1/retention":         {need: forIngest, body: `{"floor":"2026-11-16T10:00:00Z"}`, media: "application/json", allowed: 200},
	"POST /api/v1/snapshot":          {need: forRead, allowed: 501}, // of a store that cannot be copied
	"POST /api/v1/batches":           {need: forIngest, body: string(encoded("a", 1, 1)), media: wire.ContentType, allowed: 202},
	"POST /api/v1/requests":          {need: forIngest, body: metric, media: "application/json", allowed: 202},
	"POST /api/v1/heartbeat":         {need: forIngest, body: `{"service":"web"}`, media: "application/json", allowed: 202},
	"GET /api/v1/checks":             {need: forRead, allowed: 200},
	"POST /api/v1/checks":            {need: forAdmin, body: "{}", media: "application/json", allowed: 501}, // of an API without checks, as are these
	"DELETE /api/v1/checks/{name}":   {need: forAdmin, allowed: 404},
	"POST /api/v1/checks/{name}/run": {need: forAdmin, allowed: 404},
	"GET /api/v1/session":            {allowed: 200},
	"POST /api/v1/session":           {body: `{"token":"out"}`, allowed: 204}, // which is how its token is presented
	"DELETE /api/v1/session":         {allowed: 204},
	"HEAD /metrics/performance":      {need: forRead, allowed: 200}, // of every GET, one is enough
	"OPTIONS /metrics/performance":   {allowed: 405},
}

// The ways to request a route. Expected has the status for each.
var (
	accessTokens  = []Tokens{{}, {Ingest: "in"}, {Read: "out"}, {Ingest: "in", Read: "out"}, {Admin: "change"}, {Ingest: "in", Read: "out", Admin: "change"}}
	accessCallers = []string{"nothing", "the ingest token", "the read token", "the admin token", "a wrong token", "a session", "an ended session", "an admin session"}
	accessHosts   = map[string]bool{"localhost:5966": true, "10.1.2.3": true, "kymo.example.com": true, "evil.example:5966": false}
	accessOrigins = []struct {
		name    string
		headers []string
		other   bool
	}{
		{"no browser", nil, false},
		{"the hub's page", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://other.example"}, false},
		{"no page", []string{"Sec-Fetch-Site", "none"}, false}, // an address that was typed
		{"another site's page", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"a page beside it", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"another site's page in an old browser", []string{"Origin", "http://evil.example"}, true},
		{"a page without an origin", []string{"Origin", "null"}, true},
	}
)

// expected returns the status of an answer. Its rules are in the order in which they are
// decided.
func expected(method, need string, tokens Tokens, caller string, host, otherOrigin bool, allowed int) int {
	safe := method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
	passes := map[string][]string{
		forIngest: {"the ingest token"},
		forRead:   {"the read token"},
		forAdmin:  {"the admin token", "an admin session"},
	}
	if safe {
		passes[forRead] = append(passes[forRead], "a session")
	}
	if tokens.Admin != "" {
		passes[forRead] = append(passes[forRead], "the admin token")
	}
	if tokens.Admin != "" && safe {
		passes[forRead] = append(passes[forRead], "an admin session")
	}
	configured := map[string]bool{forIngest: tokens.Ingest != "", forRead: tokens.Read != "", forAdmin: tokens.Admin != ""}
	switch {
	case !host:
		return http.StatusMisdirectedRequest
	case otherOrigin && !safe:
		return http.StatusForbidden
	case need == forAdmin && !configured[need]:
		return http.StatusForbidden // none of the callers is on the hub's machine
	case configured[need] && !slices.Contains(passes[need], caller):
		return http.StatusUnauthorized
	}
	return allowed
}

// TestAccess walks every route with every combination of tokens that a hub may have, of
// what a caller presents, of host names and of origins.
func TestAccess(t *testing.T) {
	racetest.LeaveToLong(t)
	_, document := fetch(t, newAPI(storetest.NewOracle(), nil))
	for path, methods := range document.Paths {
		for method := range methods {
			if line := strings.ToUpper(method) + " " + path; access[line].allowed == 0 {
				t.Errorf("%s: who may use this route? Add it to the table access.", line)
			}
		}
	}
	asked := 0
	for line, route := range access {
		if _, inDocument := document.Paths[strings.SplitN(line, " ", 2)[1]]; !inDocument && line != "GET /assets/{name}" {
			t.Errorf("%s is not in the document", line)
		}
		method, path, _ := strings.Cut(line, " ")
		target := method + " " + strings.Replace(path, "{name}", "app.js", 1) + "?" + route.query
		for _, tokens := range accessTokens {
			a := newAPI(storetest.NewOracle(), func(c *Config) {
				c.Tokens, c.Hosts = tokens, hosts.Listed([]string{"kymo.example.com"})
			})
			for _, caller := range accessCallers {
				for host, isHost := range accessHosts {
					for _, origin := range accessOrigins {
						asked++
						r := request(target, strings.NewReader(route.body), slices.Concat([]string{"Content-Type", route.media}, origin.headers)...)
						r.Host = host
						r.RemoteAddr = fmt.Sprintf("10.%d.%d.1:1", asked>>8&0xff, asked&0xff) // or wrong tokens are too many
						present(a, r, caller)
						w := httptest.NewRecorder()
						a.ServeHTTP(w, r)
						want := expected(method, route.need, tokens, caller, isHost, origin.other, route.allowed)
						if w.Code != want {
							t.Fatalf("%s of a hub with %+v, by %s, with %s, from %s: %d, want %d: %s", line, tokens, host, caller, origin.name, w.Code, want, w.Body)
						}
						if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" {
							t.Errorf("%s may be read by %s", line, got)
						}
					}
				}
			}
		}
	}
	if want := len(access) * len(accessTokens) * len(accessCallers) * len(accessHosts) * len(accessOrigins); asked != want {
		t.Errorf("%d requests, want %d", asked, want)
	}
}

// present adds a caller's credentials to a request.
func present(a *API, r *http.Request, caller string) {
	id := rand.Text()
	ends := noon.Add(time.Hour)
	cookie := &http.Cookie{Name: cookieName(r), Value: cookieValue(a.live.Load().sessionKey, ends, id)}
	switch caller {
	case "the admin token":
		r.Header.Set("Authorization", "Bearer change")
	case "an admin session":
		cookie.Value = cookieValue(a.live.Load().adminKey, ends, id)
		r.AddCookie(cookie)
	case "the ingest token":
		r.Header.Set("Authorization", "Bearer in")
	case "the read token":
		r.Header.Set("Authorization", "Bearer out")
	case "a wrong token":
		r.Header.Set("Authorization", "Bearer guess")
	case "an ended session":
		_ = a.ended.add(id, ends, noon) // in memory, which cannot fail
		r.AddCookie(cookie)
	case "a session":
		r.AddCookie(cookie)
	}
}

// TestAdminWithoutTokens: a hub without any token takes changes from its own machine, and a
// request that a proxy passed on is none of those.
func TestAdminWithoutTokens(t *testing.T) {
	for name, test := range map[string]struct {
		remote  string
		tokens  Tokens
		headers []string
		want    int
	}{
		"this machine":            {"127.0.0.1:1", Tokens{}, nil, http.StatusNotFound},
		"this machine, by IPv6":   {"[::1]:1", Tokens{}, nil, http.StatusNotFound},
		"another machine":         {"192.0.2.1:1", Tokens{}, nil, http.StatusForbidden},
		"no address":              {"@", Tokens{}, nil, http.StatusForbidden},
		"a proxy's header":        {"127.0.0.1:1", Tokens{}, []string{"X-Forwarded-For", "192.0.2.1"}, http.StatusForbidden},
		"a proxy's other header":  {"127.0.0.1:1", Tokens{}, []string{"Forwarded", "for=192.0.2.1"}, http.StatusForbidden},
		"a hub with a read token": {"127.0.0.1:1", Tokens{Read: "out"}, []string{"Authorization", "Bearer out"}, http.StatusForbidden},
		"the admin token":         {"192.0.2.1:1", Tokens{Read: "out", Admin: "change"}, []string{"Authorization", "Bearer change"}, http.StatusNotFound},
		"this machine without it": {"127.0.0.1:1", Tokens{Admin: "change"}, nil, http.StatusUnauthorized},
		"another origin":          {"127.0.0.1:1", Tokens{}, []string{"Origin", "http://evil.example"}, http.StatusForbidden},
	} {
		a := newAPI(storetest.NewOracle(), func(c *Config) { c.Tokens = test.tokens })
		r := request("POST /api/v1/checks/database/run", strings.NewReader(""), test.headers...)
		r.RemoteAddr = test.remote
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, test.want, w.Body)
		}
		s := request("GET /api/v1/session", strings.NewReader(""), test.headers...)
		s.RemoteAddr = test.remote
		w = httptest.NewRecorder()
		a.ServeHTTP(w, s)
		if got := strings.Contains(w.Body.String(), `"may_administer":true`); name != "another origin" && got != (test.want == http.StatusNotFound) {
			t.Errorf("%s: %s", name, w.Body)
		}
	}
}

// TestNoRouteIsHidden from the document, and so from the table above.
func TestNoRouteIsHidden(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`mux\.Handle(?:Func)?\(([^,]*),`)
	hidden := regexp.MustCompile(`\bHidden:`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if hidden.Match(source) {
			t.Errorf("%s has a route that the document leaves out", file)
		}
		for _, found := range direct.FindAllSubmatch(source, -1) {
			if line := strings.Trim(string(found[1]), `"`); access[line].allowed == 0 {
				t.Errorf("%s: who may use %s? Add it to the table access.", file, line)
			}
		}
	}
}

// TestAccessOfAnyName: a hub with both tokens and without a list of names answers to
// every name, and asks for the tokens.
func TestAccessOfAnyName(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	a.Apply(Settings{Slow: &report.Slow{}, Tokens: Tokens{Ingest: "in", Read: "out"}, Hosts: hosts.Any()})
	for line, route := range access {
		method, _, _ := strings.Cut(line, " ")
		w := by(a, "evil.example", strings.Replace(line, "{name}", "app.js", 1)+"?"+route.query, route.body, "Content-Type", route.media)
		if want := expected(method, route.need, Tokens{Ingest: "in", Read: "out"}, "nothing", true, false, route.allowed); w.Code != want {
			t.Errorf("%s: %d, want %d", line, w.Code, want)
		}
	}
}
