package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// newAPI returns an API over a store, with a part of its configuration changed.
func newAPI(st store.Store, change func(*Config)) *API {
	now := func() time.Time { return noon }
	c := Config{
		Settings: Settings{Slow: &report.Slow{}}, Store: st, Now: now, Version: "1.2.3",
		Logger: slog.New(slog.DiscardHandler),
		Intake: intake.New(st, intake.Limits{Services: 8}, 168*time.Hour, clock.Of(now)), Keeper: new(keeper),
	}
	if change != nil {
		change(&c)
	}
	return New(c)
}

// request makes a request from "METHOD target", a body and pairs of headers.
func request(line string, body io.Reader, headers ...string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, body)
	r.Host = "127.0.0.1:5966"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func ask(h http.Handler, line, body string, headers ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(line, strings.NewReader(body), headers...))
	return w
}

// problem reads problem details and checks what all have.
func problem(t *testing.T, w *httptest.ResponseRecorder, status int) *huma.ErrorModel {
	t.Helper()
	var p huma.ErrorModel
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %s: %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %s: %v", w.Body, err)
	}
	if (status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests) != (w.Header().Get("Retry-After") != "") {
		t.Errorf("status %d with Retry-After %q", status, w.Header().Get("Retry-After"))
	}
	if p.Detail == invalid {
		t.Errorf("the first line does not name the error: %s", w.Body)
	}
	return &p
}

func wrongAt(t *testing.T, p *huma.ErrorModel, location, says string) {
	t.Helper()
	for _, e := range p.Errors {
		if e.Location == location && strings.Contains(e.Message, says) {
			return
		}
	}
	t.Errorf("no error at %s that says %q: %+v", location, says, p)
}

// encoded is a batch with n requests to service at noon.
func encoded(service string, sequence uint64, n int) []byte {
	b := wire.NewBuilder()
	for i := range n {
		b.Add(&wire.Request{
			Key:   wire.Key{Service: service, Endpoint: fmt.Sprintf("/r%d/{id}", i%5), Method: "GET", Status: 200},
			Start: noon.Add(-time.Minute).UnixMilli(), Duration: time.Duration(i+1) * time.Millisecond,
		})
	}
	return b.Batch("sdk", sequence).AppendBinary(nil)
}

const metric = `{"endpoint":"/users/7","method":"GET","response_time_ms":12.5,"status_code":200}`

// failing is a store whose operations fail.
type failing struct {
	store.Store
	err error
}

func (s failing) Append(context.Context, ...*wire.Batch) ([]bool, error) { return nil, s.err }

func (s failing) Rollups(context.Context, store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) { yield(nil, s.err) }
}

func TestWhatMatchesNoRoute(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for line, want := range map[string]struct {
		status int
		allow  string
	}{
		"GET /nothing":                 {http.StatusNotFound, ""},
		"POST /":                       {http.StatusMethodNotAllowed, "GET, HEAD"},
		"PUT /api/v1/requests":         {http.StatusMethodNotAllowed, "GET, HEAD, POST"},
		"DELETE /metrics/performance":  {http.StatusMethodNotAllowed, "GET, HEAD"},
		"POST /metrics":                {http.StatusMethodNotAllowed, "GET, HEAD"},
		"GET /metrics/":                {http.StatusNotFound, ""},
		"GET /openapi.yaml":            {http.StatusNotFound, ""},
		"BREW /api/v1/batches?really=": {http.StatusMethodNotAllowed, "POST"},
	} {
		w := ask(a, line, "")
		problem(t, w, want.status)
		if got := w.Header().Get("Allow"); got != want.allow {
			t.Errorf("%s: allowed are %q; want %q", line, got, want.allow)
		}
	}
	if w := ask(a, "GET //metrics/../health/live", ""); w.Code/100 != 3 || w.Header().Get("Location") != "/health/live" {
		t.Errorf("a path with dots: %d to %s", w.Code, w.Header().Get("Location"))
	}
	if w := ask(a, "HEAD /metrics/performance", ""); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestTokens(t *testing.T) {
	for name, c := range map[string]struct {
		tokens Tokens
		header string
		reads  int
		writes int
	}{
		"open":           {Tokens{}, "", 200, 202},
		"open, token":    {Tokens{}, "Bearer any", 200, 202},
		"none":           {Tokens{Ingest: "in", Read: "out"}, "", 401, 401},
		"ingest":         {Tokens{Ingest: "in", Read: "out"}, "Bearer in", 401, 202},
		"read":           {Tokens{Ingest: "in", Read: "out"}, "bearer  out ", 200, 401},
		"prefix":         {Tokens{Ingest: "in", Read: "out"}, "Bearer i", 401, 401},
		"other scheme":   {Tokens{Ingest: "in", Read: "out"}, "Basic in", 401, 401},
		"bare":           {Tokens{Ingest: "in", Read: "out"}, "in", 401, 401},
		"empty":          {Tokens{Ingest: "in", Read: "out"}, "Bearer ", 401, 401},
		"read is closed": {Tokens{Read: "out"}, "", 401, 202},
		"the same":       {Tokens{Ingest: "one", Read: "one"}, "Bearer one", 200, 202},
	} {
		a := newAPI(storetest.NewOracle(), func(cfg *Config) { cfg.Tokens = c.tokens })
		try := func(line, body, contentType string, want int) {
			w := ask(a, line, body, "Authorization", c.header, "Content-Type", contentType)
			if w.Code != want {
				t.Errorf("%s: %s: status %d; want %d", name, line, w.Code, want)
			}
			if want == http.StatusUnauthorized {
				wrongAt(t, problem(t, w, want), "header.Authorization", "token")
				if w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s: %s: no WWW-Authenticate", name, line)
				}
			}
		}
		for _, path := range []string{"/metrics/performance", "/metrics/endpoints", "/metrics"} {
			try("GET "+path, "", "", c.reads)
		}
		try("POST /api/v1/requests", metric, "application/json", c.writes)
		try("POST /api/v1/batches", string(encoded("a", 1, 3)), wire.ContentType, c.writes)
		for _, path := range []string{"/", "/docs", "/openapi.json", "/health/live"} {
			try("GET "+path, "", "", http.StatusOK)
		}
	}
}

// untouchable fails the test when it is read.
type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, errors.New("must not be read")
}

func (untouchable) Close() error { return nil }

func TestNothingIsReadBeforeItIsAllowed(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Tokens.Ingest = "in"; c.Memory = 1 })
	for name, c := range map[string]struct {
		status  int
		headers []string
	}{
		"token":    {http.StatusUnauthorized, []string{"Content-Encoding", "gzip"}},
		"type":     {http.StatusUnsupportedMediaType, []string{"Authorization", "Bearer in", "Content-Type", "text/html"}},
		"encoding": {http.StatusUnsupportedMediaType, []string{"Authorization", "Bearer in", "Content-Encoding", "br"}},
		"memory":   {http.StatusServiceUnavailable, []string{"Authorization", "Bearer in"}},
	} {
		r := request("POST /api/v1/requests", untouchable{t}, c.headers...)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if problem(t, w, c.status); w.Header().Get("Connection") != "close" {
			t.Errorf("%s: the connection stays open, and so the server reads on", name)
		}
	}
}

func TestStoreTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"full":        {store.ErrFull, 503, "the store is full"},
		"unavailable": {fmt.Errorf("dialing 10.0.0.1: %w", store.ErrUnavailable), 503, "unavailable"},
		"closed":      {store.ErrClosed, 503, "shutting down"},
		"other":       {errors.New("/var/secret/path: broken"), 500, "see the hub's log"},
	} {
		a := newAPI(failing{err: c.err}, nil)
		for _, w := range []*httptest.ResponseRecorder{
			ask(a, "GET /metrics/performance", ""),
			ask(a, "GET /metrics/endpoints", ""),
			ask(a, "POST /api/v1/requests", metric),
			ask(a, "POST /api/v1/batches", string(encoded("a", 1, 1)), "Content-Type", wire.ContentType),
		} {
			p := problem(t, w, c.status)
			if !strings.Contains(p.Detail, c.says) || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "10.0") {
				t.Errorf("%s: %s", name, w.Body)
			}
		}
		if n := a.Intake.Counters.StoreFails.Load(); n != 4 {
			t.Errorf("%s: %d store errors counted", name, n)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	newAPI(storetest.NewOracle(), nil).ServeHTTP(w, request("GET /metrics/performance", nil).WithContext(ctx))
	problem(t, w, http.StatusServiceUnavailable)
}
