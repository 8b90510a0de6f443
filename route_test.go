package kymo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// auth is a middleware as many are: it replaces the request and hides what the
// mux notes in it.
func auth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetUser(w, "alice")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), authKey{}, 1)))
	})
}

type authKey struct{}

// wrapping is auth with a writer of its own.
func wrapping(next http.Handler) http.Handler {
	return auth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(wrapped{w}, r)
	}))
}

// app has ServeMux's Handler and a ServeHTTP of its own.
type app struct{ *http.ServeMux }

func (a app) ServeHTTP(w http.ResponseWriter, r *http.Request) { auth(a.ServeMux).ServeHTTP(w, r) }

type panicky struct{}

func (panicky) Handler(*http.Request) (http.Handler, string) { panic("no routes") }

func TestRouteIsFound(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("example.com/hosted/{id}", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/named", func(w http.ResponseWriter, r *http.Request) { SetRoute(w, "POST /by/{name}") })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("GET /panics", func(w http.ResponseWriter, r *http.Request) { panic("oops") })
	behind := func(pattern string, h http.Handler) http.Handler {
		front := http.NewServeMux()
		front.Handle(pattern, h)
		return front
	}

	files := http.NewServeMux()
	files.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	files.HandleFunc("/files/", func(w http.ResponseWriter, r *http.Request) { r.URL.Path = "/a.css" })
	withoutAPI := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api")
			next.ServeHTTP(w, r)
		})
	}

	for _, test := range []struct {
		name, target, endpoint string
		handler                func(m *Monitor) http.Handler
		options                []Option
	}{
		{name: "WithRoutes, path changed by the handler", target: "/files/a.css", endpoint: "/files/", options: []Option{WithRoutes(files)},
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(files)) }},
		{name: "WithRoutes, path changed before the mux", target: "/api/users/1", endpoint: "/api/users/{id}", options: []Option{WithRoutes(mux)},
			handler: func(m *Monitor) http.Handler { return m.Middleware(withoutAPI(auth(mux))) }},
		{name: "mux", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(mux) }},
		{name: "host", target: "/hosted/1", endpoint: "example.com/hosted/{id}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(mux) }},
		{name: "root", target: "/", endpoint: "/{$}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(mux) }},
		{name: "unmatched", target: "/.env", endpoint: wire.Unmatched,
			handler: func(m *Monitor) http.Handler { return m.Middleware(mux) }},
		{name: "replaced request", target: "/users/1", endpoint: wire.Unmatched,
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(mux)) }},
		{name: "SetRoute", target: "/named", endpoint: "/by/{name}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(wrapping(mux)) }},
		{name: "WithRoutes", target: "/users/1", endpoint: "/users/{id}", options: []Option{WithRoutes(mux)},
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(mux)) }},
		{name: "WithRoutes, unmatched", target: "/.env", endpoint: wire.Unmatched, options: []Option{WithRoutes(mux)},
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(mux)) }},
		{name: "WithRoutes that panics", target: "/users/1", endpoint: wire.Unmatched, options: []Option{WithRoutes(panicky{})},
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(mux)) }},
		{name: "method Handler", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(app{mux}) }},
		{name: "nested", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(m.Middleware(mux))) }},
		{name: "nested in a wrapper", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler { return m.Middleware(wrapping(m.Middleware(mux))) }},
		{name: "nested thrice", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler {
				return m.Middleware(auth(m.Middleware(behind("/users/", wrapping(m.Middleware(mux))))))
			}},
		{name: "nested, panic", target: "/panics", endpoint: "/panics",
			handler: func(m *Monitor) http.Handler { return m.Middleware(auth(m.Middleware(mux))) }},
		{name: "nil is the default mux", target: "/users/1", endpoint: wire.Unmatched,
			handler: func(m *Monitor) http.Handler { return m.Middleware(nil) }},
		{name: "behind a mux", target: "/users/1", endpoint: "/users/{id}",
			handler: func(m *Monitor) http.Handler { return behind("/users/", m.Middleware(mux)) }},
		{name: "behind a mux, WithRoutes", target: "/users/1", endpoint: "/users/{id}", options: []Option{WithRoutes(mux)},
			handler: func(m *Monitor) http.Handler { return behind("/users/", m.Middleware(auth(mux))) }},
		{name: "behind a mux only", target: "/users/1", endpoint: "/users/",
			handler: func(m *Monitor) http.Handler { return behind("GET /users/", m.Middleware(nothing)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t, test.options...)
			func() {
				defer func() { recover() }()
				do(test.handler(m), "GET", test.target)
			}()
			if got := one(t, m, sink); got.Endpoint != test.endpoint {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestSetUser(t *testing.T) {
	long := strings.Repeat("é", wire.MaxUser)
	for _, test := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		user string
		want string
	}{
		{"from the handler", func(h http.Handler) http.Handler { return h }, "bob", "bob"},
		{"the last counts", auth, "bob", "bob"},
		{"through a wrapping writer", wrapping, "bob", "bob"},
		{"too long", auth, long, wire.Clean(long, wire.MaxUser)},
		{"invalid", auth, "a\x00b\xff", "a\uFFFDb\uFFFD"},
		{"none", auth, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			do(m.Middleware(test.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				SetUser(w, test.user)
			}))), "GET", "/")
			if got := one(t, m, sink); got.User != test.want {
				t.Errorf("recorded %+v", got)
			}
		})
	}
	m, sink := monitor(t)
	do(m.Middleware(auth(nothing)), "GET", "/")
	do(m.Middleware(nothing), "GET", "/") // with the same writer, perhaps
	closeMonitor(t, m)
	if got := sink.kept(); got[0].User+got[1].User != "alice" {
		t.Errorf("recorded %+v", got)
	}
}

func TestSetRouteIsBounded(t *testing.T) {
	m, sink := monitor(t)
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		SetRoute(w, "/"+strings.Repeat("x", 1<<20))
		SetUser(w, "bob")
	})), strings.Repeat("X", 1<<20), "/")
	if got := one(t, m, sink); len(got.Endpoint) != wire.MaxEndpoint || got.User != "bob" || got.Method != wire.MethodOther {
		t.Errorf("recorded %+v", got)
	}
}

func TestWritersOfOthers(t *testing.T) {
	w := httptest.NewRecorder()
	SetUser(w, "bob")
	SetRoute(w, "/x")
	if len(w.Header()) != 0 {
		t.Error("a foreign writer was touched")
	}
}

func TestTwoMonitorsEachRecord(t *testing.T) {
	outer, outerSink := monitor(t)
	inner, innerSink := monitor(t)
	w := do(outer.Middleware(inner.Middleware(auth(nothing))), "GET", "/")
	if len(w.Header()["X-Response-Time"]) != 1 {
		t.Errorf("answered %v", w.Header())
	}
	if a, b := one(t, outer, outerSink), one(t, inner, innerSink); a.User != "alice" || b.User != "alice" {
		t.Errorf("recorded %+v and %+v", a, b)
	}
}

// A handler that http.TimeoutHandler has given up has not returned, and its
// request has a route all the same.
func TestRouteOfARequestThatTimedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		answered := make(chan struct{})
		mux := http.NewServeMux()
		mux.HandleFunc("GET /carts/{cart}", func(w http.ResponseWriter, r *http.Request) {
			SetUserContext(r.Context(), "carol")
			<-answered
		})
		root := http.NewServeMux()
		root.Handle("/shop/", http.StripPrefix("/shop", m.Middleware(mux)))
		w := do(m.Middleware(http.TimeoutHandler(m.Middleware(root), time.Second, "late")), "GET", "/shop/carts/1")
		got := one(t, m, sink)
		close(answered)
		if w.Code != 503 || got.Endpoint != "/shop/carts/{cart}" || got.Status != 503 || got.User != "carol" {
			t.Errorf("answered %d, recorded %+v", w.Code, got)
		}
	})
}

// TestRequestsWithoutAURL are made by hand, or become so in a handler.
func TestRequestsWithoutAURL(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/a", func(http.ResponseWriter, *http.Request) {})
	for name, r := range map[string]*http.Request{"none": {}, "taken away": httptest.NewRequest("GET", "/a", nil)} {
		m, sink := monitor(t, WithRoutes(mux))
		h := m.Middleware(m.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.URL = nil })))
		h.ServeHTTP(httptest.NewRecorder(), r)
		want := map[string]string{"none": "(unmatched)", "taken away": "/a"}[name]
		if got := one(t, m, sink); got.Endpoint != want {
			t.Errorf("%s: recorded %+v", name, got)
		}
	}
}
