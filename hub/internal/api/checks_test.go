package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// fakeChecks answers what it has, and notes what it was asked.
type fakeChecks struct {
	all   []Check
	err   error
	asked []string
}

func (f *fakeChecks) Checks() []Check { return f.all }

func (f *fakeChecks) AddCheck(_ context.Context, content []byte) (*Check, error) {
	f.asked = append(f.asked, "add "+string(content))
	return &Check{Name: "a b/c", Origin: FromAPI}, f.err
}

func (f *fakeChecks) RemoveCheck(_ context.Context, name string) error {
	f.asked = append(f.asked, "remove "+name)
	return f.err
}

func (f *fakeChecks) RunCheck(_ context.Context, name string) (health.Observation, error) {
	f.asked = append(f.asked, "run "+name)
	return health.Observation{
		Name:   name,
		Result: health.Result{At: noon, Status: health.Down, Latency: 3 * time.Millisecond, Reason: "refused", Details: []byte(`{"n":1}`)},
		State:  health.State{Status: health.Unknown, Since: noon.Add(-time.Minute)},
	}, f.err
}

// administer sends a request from the hub's own machine.
func administer(a *API, line, body string) *httptest.ResponseRecorder {
	r := request(line, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func TestChecks(t *testing.T) {
	f := &fakeChecks{all: []Check{
		Running(&health.CheckReport{Name: "a", Kind: "postgres", Interval: 10 * time.Second, Timeout: 2 * time.Second, State: health.State{Status: health.Down, Since: noon}, Reason: "refused"}),
		NotRunning("b", &noon, "is not run"),
	}}
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Checks = f })
	if got, want := fmt.Sprint(get[[]Check](t, a, "/api/v1/checks")), fmt.Sprint(f.all); !strings.HasPrefix(got, "[{a  postgres  10000 2000 false down down") || len(got) != len(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	w := administer(a, "POST /api/v1/checks", `{"name": 1}`)
	if w.Code != http.StatusCreated || w.Header().Get("Location") != "/api/v1/checks/a%20b%2Fc" || !strings.Contains(w.Body.String(), `"origin":"api"`) {
		t.Errorf("added: %d %v %s", w.Code, w.Header(), w.Body)
	}
	w = administer(a, "POST /api/v1/checks/a%20b%2Fc/run", "")
	if want := `{"name":"a b/c","result":"down","status":"degraded","state":"unknown","since":"2026-11-23T11:59:00Z","checked_at":"2026-11-23T12:00:00Z","response_time_ms":3,"reason":"refused","details":{"n":1}}`; w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("run: %d %s, want %s", w.Code, w.Body, want)
	}
	if w = administer(a, "DELETE /api/v1/checks/a%20b%2Fc", ""); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("removed: %d %s", w.Code, w.Body)
	}
	if got, want := fmt.Sprint(f.asked), `[add {"name": 1} run a b/c remove a b/c]`; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	problem(t, administer(a, "POST /api/v1/checks", `"`+strings.Repeat("x", store.MaxDocument)+`"`), http.StatusRequestEntityTooLarge)
}

func TestChecksThatAreRefused(t *testing.T) {
	const add, remove, run = "POST /api/v1/checks", "DELETE /api/v1/checks/a", "POST /api/v1/checks/a/run"
	for name, test := range map[string]struct {
		line     string
		err      error
		status   int
		location string
		says     string
	}{
		"a wrong field":       {add, &CheckError{Fields: []CheckField{{"tls.ca", "is a file"}, {"", "also wrong"}}}, 422, "body.tls.ca", "is a file"},
		"wrong as a whole":    {add, &CheckError{Fields: []CheckField{{"", "not JSON"}}}, 422, "body", "not JSON"},
		"one too many":        {add, &CheckError{Problem: "no more"}, 422, "", "nothing was added: no more"},
		"the file's name":     {add, &TakenError{"a", FromFile}, 409, "body.name", "of the configuration file; change the file, or give this one another name"},
		"an added one's name": {add, &TakenError{"a", FromAPI}, 409, "body.name", "added over the API; remove that first"},
		"a service's name":    {add, &TakenError{"a", FromService}, 409, "body.name", "sends heartbeats"},
		"the hub's name":      {add, &TakenError{"a", BuiltIn}, 409, "body.name", "of the hub itself"},
		"an embedded hub":     {add, ErrNoChecks, 501, "", "embedded"},
		"a full store":        {add, fmt.Errorf("put: %w", store.ErrFull), 503, "", "the store is full"},
		"one of the file":     {remove, &KeptError{"a", FromFile}, 409, "path.name", "change the file"},
		"none to remove":      {remove, health.ErrUnknownCheck, 404, "path.name", "not the name of a check"},
		"none to run":         {run, fmt.Errorf("check: %w", health.ErrUnknownCheck), 404, "path.name", "not the name of a check"},
		"too soon":            {run, health.ErrTooSoon, 429, "", "again in a second"},
		"one that ended":      {run, health.ErrClosed, 503, "", "try again"},
		"a store that fails":  {remove, errors.New("secret"), 500, "", "see the hub's log"},
	} {
		a := newAPI(storetest.NewOracle(), func(c *Config) { c.Checks = &fakeChecks{err: test.err} })
		w := administer(a, test.line, "{}")
		p := problem(t, w, test.status)
		if test.location != "" {
			wrongAt(t, p, test.location, test.says)
		}
		if !strings.Contains(w.Body.String(), test.says) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %s", name, w.Body)
		}
		if retry := w.Header().Get("Retry-After"); (retry == "1") != (test.status == 429 || test.status == 503) {
			t.Errorf("%s: Retry-After %q", name, retry)
		}
	}
}

// A session of the admin token may do what the token may, and one of the read token not.
func TestAdminSessions(t *testing.T) {
	now := noon
	tokens := Tokens{Ingest: "in", Read: "out", Admin: "change"}
	a := guarded(&now, tokens)
	reader, admin := signIn(t, a, "out"), signIn(t, a, "change")
	const run = "POST /api/v1/checks/a/run"
	answers := func(a *API, cookie string, read, change int) {
		t.Helper()
		if w := ask(a, "GET /metrics", "", "Cookie", cookie); w.Code != read {
			t.Errorf("reading: %d, want %d", w.Code, read)
		}
		if w := ask(a, run, "", "Cookie", cookie); w.Code != change {
			t.Errorf("changing: %d, want %d", w.Code, change)
		}
		s := get[Session](t, a, "/api/v1/session", "Cookie", cookie)
		if want := (Session{true, read == http.StatusOK, change != http.StatusUnauthorized && change != http.StatusForbidden, "1.2.3"}); s != want {
			t.Errorf("session %+v, want %+v", s, want)
		}
	}
	answers(a, reader, http.StatusOK, http.StatusUnauthorized)
	answers(a, admin, http.StatusOK, http.StatusNotFound)
	problem(t, ask(a, run, "", "Cookie", admin, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
	problem(t, ask(a, "POST /api/v1/requests", metric, "Cookie", admin), http.StatusUnauthorized)
	answers(guarded(&now, Tokens{Read: "out", Admin: "another"}), admin, http.StatusUnauthorized, http.StatusUnauthorized)
	answers(guarded(&now, Tokens{Read: "out"}), admin, http.StatusUnauthorized, http.StatusForbidden)
	if w := ask(a, "DELETE /api/v1/session", "", "Cookie", admin); w.Code != http.StatusNoContent {
		t.Errorf("signing out: %d", w.Code)
	}
	answers(a, admin, http.StatusUnauthorized, http.StatusUnauthorized)
	answers(a, reader, http.StatusOK, http.StatusUnauthorized)
	now = noon.Add(sessionAge)
	answers(a, signIn(t, a, "change"), http.StatusOK, http.StatusNotFound)
	answers(a, reader, http.StatusUnauthorized, http.StatusUnauthorized)
}
