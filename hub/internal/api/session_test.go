package api

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// guarded is an API with tokens and a clock of the test's own.
func guarded(now *time.Time, tokens Tokens) *API {
	return newAPI(storetest.NewOracle(), func(c *Config) {
		c.Tokens = tokens
		c.Now = func() time.Time { return *now }
	})
}

// signIn returns the cookie that a token is exchanged for.
func signIn(t *testing.T, a *API, token string) string {
	t.Helper()
	w := ask(a, "POST /api/v1/session", `{"token":"`+token+`"}`)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 || len(cookies) != 1 {
		t.Fatalf("%d %s %v", w.Code, w.Body, cookies)
	}
	return cookies[0].Name + "=" + cookies[0].Value
}

func TestTheCookie(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{"in", "out"})
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
				want = "kymo_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
			}
			if c.secure {
				want = strings.Replace(want, "; SameSite", "; Secure; SameSite", 1)
			}
			got := w.Header().Get("Set-Cookie")
			if w.Code != http.StatusNoContent || !strings.HasPrefix(got, "kymo_session=") || !strings.HasSuffix(got, want) || strings.Contains(got, "out") {
				t.Errorf("%s: %s: %d %s", name, line, w.Code, got)
			}
		}
	}
}

// Where a cookie lets its bearer in, and what ends it.
func TestSessions(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{"in", "out"})
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
		if s != (Session{true, want == http.StatusOK, "1.2.3"}) {
			t.Errorf("%+v with %q", s, cookie)
		}
	}
	statuses(a, "", http.StatusUnauthorized)
	statuses(a, cookie, http.StatusOK)
	statuses(a, "other=1; "+cookie, http.StatusOK)
	statuses(guarded(&now, Tokens{"other", "out"}), cookie, http.StatusOK) // another hub, or the same after a restart
	statuses(guarded(&now, Tokens{"in", "changed"}), cookie, http.StatusUnauthorized)
	statuses(guarded(&now, Tokens{"out", "in"}), cookie, http.StatusUnauthorized)

	name, value, _ := strings.Cut(cookie, "=")
	ends, proof, _ := strings.Cut(value, ".")
	for _, tampered := range []string{
		"", ".", ends, ends + ".", "." + proof, fmt.Sprintf("%d.%s", noon.Add(365*24*time.Hour).Unix(), proof), value + "x", value[:len(value)-1],
		"+" + value, "0" + value, ends + "x." + proof, strings.ToUpper(value),
	} {
		statuses(a, name+"="+tampered, http.StatusUnauthorized)
	}

	// It is for reading: neither ingest nor any other method takes it.
	both := guarded(&now, Tokens{"out", "out"})
	for _, path := range []string{"/api/v1/requests", "/api/v1/batches"} {
		problem(t, ask(both, "POST "+path, metric, "Cookie", cookie), http.StatusUnauthorized)
	}
	if got := get[Session](t, a, "/api/v1/session", "Authorization", "Bearer out"); !got.SignedIn {
		t.Error("the token itself is no session")
	}
	if got := get[Session](t, newAPI(storetest.NewOracle(), nil), "/api/v1/session"); got != (Session{false, true, "1.2.3"}) {
		t.Errorf("without a token: %+v", got)
	}

	now = noon.Add(sessionAge - time.Second)
	statuses(a, cookie, http.StatusOK)
	now = noon.Add(sessionAge)
	statuses(a, cookie, http.StatusUnauthorized)
}

func TestSigningIn(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{"in", "out"})
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

func TestGuessesAreBounded(t *testing.T) {
	var g attempts
	for i := range 2 * maxAddresses {
		if address := fmt.Sprint(i); g.wait(address, noon) == 0 {
			g.wrong(address, noon)
		}
	}
	if len(g.by) != maxAddresses || g.wait("new", noon) == 0 {
		t.Errorf("%d addresses are counted", len(g.by))
	}
	if wait := g.wait("new", noon.Add(attemptsExpire)); wait != 0 || len(g.by) != 0 {
		t.Errorf("a minute later: wait %v, %d addresses", wait, len(g.by))
	}
}
