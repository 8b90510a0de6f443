package api

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// guarded is an API with tokens and a clock of the test's own.
func guarded(now *time.Time, tokens Tokens) *API {
	return newAPI(storetest.NewOracle(), func(c *Config) {
		c.Tokens = tokens
		c.Now = func() time.Time { return *now }
	})
}

// signIn exchanges a token for a cookie.
func signIn(t *testing.T, a *API, token string) string {
	t.Helper()
	w := ask(a, "POST /api/v1/session", `{"token":"`+token+`"}`)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 || len(cookies) != 1 {
		t.Fatalf("got %d %s %v", w.Code, w.Body, cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

func TestTheCookie(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	for name, c := range map[string]struct {
		change func(*http.Request)
		secure bool
	}{
		"plain":           {func(*http.Request) {}, false},
		"TLS":             {func(r *http.Request) { r.TLS = new(tls.ConnectionState) }, true},
		"a proxy's TLS":   {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "HTTPS") }, true},
		"a plain proxy's": {func(r *http.Request) { r.Header.Set("X-Forwarded-Proto", "http") }, false},
	} {
		for _, line := range []string{"POST /api/v1/session", "DELETE /api/v1/session"} {
			r := request(line, strings.NewReader(`{"token":"out"}`))
			c.change(r)
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			want := "; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"
			if line[0] == 'D' {
				want = "kymo_session_5966=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
			}
			if c.secure {
				want = strings.Replace(want, "; SameSite", "; Secure; SameSite", 1)
			}
			got := w.Header().Get("Set-Cookie")
			if w.Code != http.StatusNoContent || !strings.HasPrefix(got, "kymo_session_5966=") || !strings.HasSuffix(got, want) || strings.Contains(got, "out") {
				t.Errorf("%s: %s: %d %s", name, line, w.Code, got)
			}
		}
	}
}

// What a cookie gives access to, and what ends it.
func TestSessions(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	cookie := signIn(t, a, "out")
	statuses := func(a *API, cookie string, want int) {
		t.Helper()
		for _, path := range []string{"/metrics/performance", "/metrics", "/api/v1/timeseries", "/api/v1/heatmap", "/api/v1/requests", "/api/v1/requests/export", "/api/v1/users", "/api/v1/cardinality", "/api/v1/services"} {
			for _, method := range []string{"GET ", "HEAD "} {
				if w := ask(a, method+path, "", "Cookie", cookie); w.Code != want {
					t.Errorf("%s: %d with %q, want %d", path, w.Code, cookie, want)
				}
			}
		}
		s := get[Session](t, a, "/api/v1/session", "Cookie", cookie)
		if s != (Session{true, want == http.StatusOK, false, "1.2.3"}) {
			t.Errorf("%+v with %q", s, cookie)
		}
	}
	statuses(a, "", http.StatusUnauthorized)
	statuses(a, cookie, http.StatusOK)
	statuses(a, "other=1; "+cookie, http.StatusOK)
	statuses(guarded(&now, Tokens{Ingest: "other", Read: "out"}), cookie, http.StatusOK) // another hub, or the same after a restart
	statuses(guarded(&now, Tokens{Ingest: "in", Read: "changed"}), cookie, http.StatusUnauthorized)
	statuses(guarded(&now, Tokens{Ingest: "out", Read: "in"}), cookie, http.StatusUnauthorized)

	name, value, _ := strings.Cut(cookie, "=")
	parts := strings.Split(value, ".")
	ends, id, proof := parts[0], parts[1], parts[2]
	for _, tampered := range []string{
		"", ".", "..", ends, ends + ".", "." + id + "." + proof, ends + "." + proof, ends + ".." + proof, ends + ".other." + proof,
		fmt.Sprintf("%d.%s.%s", noon.Add(365*24*time.Hour).Unix(), id, proof), value + "x", value[:len(value)-1],
		"+" + value, "0" + value, ends + "x." + id + "." + proof, value + "." + proof, strings.ToUpper(value),
	} {
		statuses(a, name+"="+tampered, http.StatusUnauthorized)
	}

	// It is for reading: neither ingest nor any other method takes it.
	both := guarded(&now, Tokens{Ingest: "out", Read: "out"})
	for _, path := range []string{"/api/v1/requests", "/api/v1/batches"} {
		problem(t, ask(both, "POST "+path, metric, "Cookie", cookie), http.StatusUnauthorized)
	}
	if got := get[Session](t, a, "/api/v1/session", "Authorization", "Bearer out"); !got.SignedIn {
		t.Error("the token itself is not a session")
	}
	if got := get[Session](t, newAPI(storetest.NewOracle(), nil), "/api/v1/session"); got != (Session{false, true, false, "1.2.3"}) {
		t.Errorf("without a token: %+v", got)
	}

	now = noon.Add(sessionAge - time.Second)
	statuses(a, cookie, http.StatusOK)
	now = noon.Add(sessionAge)
	statuses(a, cookie, http.StatusUnauthorized)
}

func TestSigningIn(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	for body, says := range map[string]string{"": "missing", "{}": "missing", `{"token":""}`: "missing", `{"token":1}`: "missing", `{"token":"` + strings.Repeat("x", 5000) + `"}`: "4 KiB"} {
		wrongAt(t, problem(t, ask(a, "POST /api/v1/session", body), http.StatusUnprocessableEntity), "body.token", says)
	}
	problem(t, ask(a, "POST /api/v1/session", `{"token":"out"}`, "Origin", "https://elsewhere.example"), http.StatusForbidden)
	if w := ask(newAPI(storetest.NewOracle(), nil), "POST /api/v1/session", `{"token":"any"}`); w.Code != http.StatusNoContent || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("without a token to ask for: %d %v", w.Code, w.Header())
	}

	from := func(address, token string) *httptest.ResponseRecorder {
		r := request("POST /api/v1/session", strings.NewReader(`{"token":"`+token+`"}`))
		r.RemoteAddr = address
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	for i := range maxAttempts {
		p := problem(t, from(fmt.Sprintf("10.0.0.1:%d", i), "wrong"), http.StatusUnauthorized)
		wrongAt(t, p, "body.token", "is not the read token")
	}
	now = now.Add(20 * time.Second)
	if w := from("10.0.0.1:99", "wrong"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "40" {
		t.Errorf("after many wrong tokens: %d %v", w.Code, w.Header())
	}
	if w := from("10.0.0.1:99", "out"); w.Code != http.StatusNoContent {
		t.Errorf("the right token after many wrong ones: %d", w.Code)
	}
	if w := from("10.0.0.2:99", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("from another address: %d", w.Code)
	}
	now = now.Add(40 * time.Second)
	if w := from("10.0.0.1:99", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("a minute later: %d", w.Code)
	}
	if w := from("no address", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("an address without a port: %d", w.Code)
	}
}

// from sends a request from an address, with a token.
func from(a *API, address, line, token string) *httptest.ResponseRecorder {
	r := request(line, strings.NewReader(""))
	r.RemoteAddr = address
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// TestGuessesOfAllKindsAreLimited: it is one limit for every way to try a token.
func TestGuessesOfAllKindsAreLimited(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	const address = "10.0.0.1:1"
	for range 3 * maxAttempts { // none of which is a guess
		problem(t, from(a, address, "GET /metrics", ""), http.StatusUnauthorized)
		problem(t, from(a, address, "GET /metrics", "Basic b3V0"), http.StatusUnauthorized)
		problem(t, from(a, address, "GET /metrics", "Bearer "), http.StatusUnauthorized)
		problem(t, from(a, address, "GET /metrics", "Bearer in"), http.StatusUnauthorized)
		problem(t, from(a, address, "POST /api/v1/batches", "Bearer out"), http.StatusUnauthorized)
		if w := from(a, address, "GET /health/live", "Bearer guess"); w.Code != http.StatusOK {
			t.Fatalf("a route that needs no token: %d", w.Code)
		}
	}
	guesses := []string{"GET /metrics", "POST /api/v1/requests", "GET /health", "GET /api/v1/session", "POST /api/v1/batches"}
	for i := range maxAttempts {
		line := guesses[i%len(guesses)]
		want := http.StatusUnauthorized
		if strings.HasPrefix(line, "GET /health") || strings.HasSuffix(line, "session") {
			want = http.StatusOK
		}
		if w := from(a, address, line, "Bearer guess"); w.Code != want {
			t.Errorf("guess %d, %s: %d", i, line, w.Code)
		}
	}
	now = now.Add(59*time.Second + time.Millisecond)
	for _, line := range []string{"GET /metrics", "POST /api/v1/requests", "POST /api/v1/batches", "GET /api/v1/session", "HEAD /metrics/performance"} {
		w := from(a, address, line, "Bearer guess")
		if problem(t, w, http.StatusTooManyRequests); w.Header().Get("Retry-After") != "1" || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %v", line, w.Header())
		}
	}
	for line, token := range map[string]string{"GET /metrics": "Bearer out", "GET /health": "Bearer guess", "GET /api/v1/session": "Bearer out"} {
		if w := from(a, address, line, token); w.Code != http.StatusOK {
			t.Errorf("%s with %s: %d", line, token, w.Code)
		}
	}
	if w := ask(a, "POST /api/v1/session", `{"token":"guess"}`); w.Code != http.StatusUnauthorized {
		t.Errorf("signing in from another address: %d", w.Code)
	}
	problem(t, from(a, address, "GET /metrics", ""), http.StatusUnauthorized)
	now = now.Add(time.Second)
	problem(t, from(a, address, "GET /metrics", "Bearer guess"), http.StatusUnauthorized)

	open := guarded(&now, Tokens{Ingest: "in"})
	for range 2 * maxAttempts {
		for _, line := range []string{"GET /metrics", "GET /api/v1/session", "GET /health"} {
			if w := from(open, address, line, "Bearer guess"); w.Code != http.StatusOK {
				t.Fatalf("%s without a token to guess: %d", line, w.Code)
			}
		}
	}
	problem(t, from(open, address, "POST /api/v1/requests", "Bearer guess"), http.StatusUnauthorized)
}

func TestCallersAreCountedByNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"10.0.0.1:99":              "10.0.0.1",
		"[::ffff:10.0.0.1]:99":     "10.0.0.1",
		"[2001:db8::7]:1":          "2001:db8::/64",
		"[2001:db8::ffff:1:2:3]:1": "2001:db8::/64",
		"[2001:db8:0:1::7]:1":      "2001:db8:0:1::/64",
		"[fe80::1%eth0]:1":         "fe80::/64",
		"@":                        "@",
		"":                         "",
	} {
		if got := caller(remote); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
}

// TestTheCookiesName: hubs at other ports of a host have cookies of their own.
func TestTheCookiesName(t *testing.T) {
	for host, want := range map[string]string{
		"localhost:5966":        "kymo_session_5966",
		"[::1]:8443":            "kymo_session_8443",
		"kymo.example.com":      "kymo_session", // of a default port
		"[::1]":                 "kymo_session",
		"":                      "kymo_session",
		"kymo.example.com:":     "kymo_session",
		"kymo.example.com:a=b;": "kymo_session",
		"localhost:99999":       "kymo_session",
	} {
		r := request("GET /", nil)
		r.Host = host
		if got := cookieName(r); got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
	}
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	cookie := signIn(t, a, "out")
	if w := by(a, "127.0.0.1:5967", "GET /metrics", "", "Cookie", cookie); w.Code != http.StatusUnauthorized {
		t.Errorf("the cookie of another port: %d", w.Code)
	}
	both := "kymo_session_5967=1.a.b; kymo_session_5966=1.a.b; " + cookie
	if w := ask(a, "GET /metrics", "", "Cookie", both); w.Code != http.StatusOK {
		t.Errorf("beside others: %d", w.Code)
	}
}

// TestSigningOut: a copy of the cookie is of no use afterwards, and other sessions go on.
func TestSigningOut(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	one, other := signIn(t, a, "out"), signIn(t, a, "out")
	signOut := func(cookie string) {
		t.Helper()
		if w := ask(a, "DELETE /api/v1/session", "", "Cookie", cookie); w.Code != http.StatusNoContent {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	reads := func(cookie string, want int) {
		t.Helper()
		if w := ask(a, "GET /metrics", "", "Cookie", cookie); w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
	signOut("")
	signOut(one + "x") // is no session
	reads(one, http.StatusOK)
	problem(t, ask(a, "DELETE /api/v1/session", "", "Cookie", one, "Origin", "https://elsewhere.example"), http.StatusForbidden)
	reads(one, http.StatusOK)
	signOut(one)
	signOut(one)
	reads(one, http.StatusUnauthorized)
	reads(other, http.StatusOK)
	a.Apply(Settings{Slow: &report.Slow{}, Tokens: Tokens{Ingest: "in", Read: "out"}})
	reads(one, http.StatusUnauthorized)
	reads(other, http.StatusOK)
}

func TestEndedSessionsAreBounded(t *testing.T) {
	var e endedSessions
	for i := range maxEnded {
		e.put(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second), noon.Add(-time.Second))
	}
	e.put("one more", noon.Add(time.Hour), noon.Add(-time.Second))
	if len(e.at) != maxEnded || e.has("0") || !e.has("1") || !e.has("one more") {
		t.Errorf("%d are kept", len(e.at))
	}
	e.put("last", noon.Add(10*time.Hour), noon.Add(9*time.Hour))
	if !e.has("last") || len(e.at) != 1 {
		t.Errorf("%d are kept when all but one have ended by themselves", len(e.at))
	}
}

func TestGuessesAreBounded(t *testing.T) {
	var g attempts
	for i := range 2 * maxAddresses {
		g.wrong(fmt.Sprint(i), noon)
	}
	if len(g.by) != maxAddresses || g.wrong("new", noon) == 0 || g.wrong("0", noon) != 0 {
		t.Errorf("%d addresses are counted", len(g.by))
	}
	if wait := g.wrong("new", noon.Add(attemptsExpire)); wait != 0 || len(g.by) != 1 {
		t.Errorf("a minute later: wait %v, %d addresses", wait, len(g.by))
	}
}
