package kymo

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// opaque is a middleware's writer that has no Unwrap.
type opaque struct{ http.ResponseWriter }

// hiding is a middleware with such a writer.
func hiding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(opaque{w}, r) })
}

// fresh is a middleware that gives the request another context.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.Background()))
	})
}

func usersMux(handle http.HandlerFunc) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", handle)
	return mux
}

// TestRequestIsFound: a handler's calls of SetUser and the like find the request through
// anything between it and the middleware.
func TestRequestIsFound(t *testing.T) {
	byWriter := func(w http.ResponseWriter, r *http.Request) bool { return SetUser(w, "carol") }
	byContext := func(w http.ResponseWriter, r *http.Request) bool { return SetUserContext(r.Context(), "carol") }
	late := func(next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Hour, "late") }
	derived := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
			defer cancel()
			next.ServeHTTP(opaque{w}, r.Clone(ctx))
		})
	}
	for _, test := range []struct {
		name    string
		between func(http.Handler) http.Handler
		say     func(http.ResponseWriter, *http.Request) bool
		found   bool
	}{
		{"writer", wrapping, byWriter, true},
		{"context", wrapping, byContext, true},
		{"context through a writer that hides", hiding, byContext, true},
		{"derived context", derived, byContext, true},
		{"writer that hides", hiding, byWriter, false},
		{"context through http.TimeoutHandler", late, byContext, true},
		{"writer, another context", fresh, byWriter, true},
		{"another context", fresh, byContext, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			do(m.Middleware(test.between(usersMux(func(w http.ResponseWriter, r *http.Request) {
				if found := test.say(w, r); found != test.found {
					t.Errorf("found is %v", found)
				}
			}))), "GET", "/users/1")
			want := ""
			if test.found {
				want = "carol"
			}
			if got := one(t, m, sink); got.User != want {
				t.Errorf("recorded %+v", got)
			}
		})
		t.Run(test.name+", a second middleware around the mux", func(t *testing.T) {
			m, sink := monitor(t)
			do(m.Middleware(test.between(m.Middleware(usersMux(func(w http.ResponseWriter, r *http.Request) {
				if !SetUser(w, "x") || !SetUserContext(r.Context(), "carol") {
					t.Error("the request was not found")
				}
			})))), "GET", "/users/1")
			if got := one(t, m, sink); got.User != "carol" || got.Endpoint != "/users/{id}" {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestNothingIsFoundOutside(t *testing.T) {
	ctx := context.Background()
	w := httptest.NewRecorder()
	for name, found := range map[string]bool{
		"SetUser": SetUser(w, "x"), "SetUserContext": SetUserContext(ctx, "x"),
		"SetRoute": SetRoute(w, "/x"), "SetRouteContext": SetRouteContext(ctx, "/x"),
		"SetError": SetError(w, "x"), "SetErrorContext": SetErrorContext(ctx, "x"),
		"SetStream": SetStream(w), "SetStreamContext": SetStreamContext(ctx),
		"Ignore": Ignore(w), "IgnoreContext": IgnoreContext(ctx),
	} {
		if found {
			t.Errorf("%s found a request", name)
		}
	}
	var none context.Context
	if SetUser(nil, "x") || SetUserContext(none, "x") {
		t.Error("found a request in nil")
	}
}

func TestWhatIsSaidAfterwardsIsRefused(t *testing.T) {
	m, sink := monitor(t)
	var ctx context.Context
	var writer http.ResponseWriter
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, writer = r.Context(), w
		w.WriteHeader(204)
	})), "GET", "/")
	if SetUser(writer, "x") || SetUserContext(ctx, "x") {
		t.Error("a request that is over was found")
	}
	if got := one(t, m, sink); got.User != "" {
		t.Errorf("recorded %+v", got)
	}
}

// TestContextIsTheServers compares how a context behaves with and without Kymo.
func TestContextIsTheServers(t *testing.T) {
	m, _ := monitor(t)
	type key struct{}
	ctx, cancel := context.WithDeadline(context.WithValue(context.Background(), key{}, 1), time.Now().Add(time.Hour))
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Context()
		deadline, _ := ctx.Deadline()
		if d, ok := got.Deadline(); !ok || d != deadline || got.Value(key{}) != 1 || got.Done() != ctx.Done() || got.Err() != nil {
			t.Errorf("the handler's context is %v", got)
		}
		child, stop := context.WithCancel(got)
		defer stop()
		cancel()
		if got.Err() != context.Canceled || child.Err() != context.Canceled {
			t.Errorf("after the end: %v, derived %v", got.Err(), child.Err())
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if r.Context() != ctx {
		t.Error("the request that came has another context now")
	}
}

// TestRequestsWithinARequest: if a handler requests its own service, both are recorded.
func TestRequestsWithinARequest(t *testing.T) {
	m, sink := monitor(t)
	var h http.Handler
	mux := usersMux(func(w http.ResponseWriter, r *http.Request) { SetUser(w, "inner") })
	mux.HandleFunc("POST /batch", func(w http.ResponseWriter, r *http.Request) {
		SetUser(w, "outer")
		for range 2 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(r.Context(), "GET", "/users/1", nil))
		}
		w.WriteHeader(207)
	})
	h = m.Middleware(mux)
	do(h, "POST", "/batch")
	closeMonitor(t, m)
	got := make(map[string]int)
	for _, r := range sink.kept() {
		got[fmt.Sprint(r.Method, r.Endpoint, r.Status, r.User)]++
	}
	if want := map[string]int{"POST/batch207outer": 1, "GET/users/{id}200inner": 2}; !maps.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// TestRequestsWithinARequestAreShared: a handler may pass one request of its own to the
// server from many goroutines.
func TestRequestsWithinARequestAreShared(t *testing.T) {
	m, sink := monitor(t)
	var root http.Handler
	root = m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			return
		}
		part := httptest.NewRequestWithContext(r.Context(), "GET", "/part", nil)
		var parts sync.WaitGroup
		for range 4 {
			parts.Go(func() { root.ServeHTTP(httptest.NewRecorder(), part) })
		}
		parts.Wait()
		if SetUserContext(part.Context(), "whole"); part.Context() != r.Context() {
			t.Error("the request has another context now")
		}
	}))
	s, stop := serve(t, root)
	get(t, s.Client(), "GET", s.URL)
	stop()
	closeMonitor(t, m)
	users := make(map[string]int)
	for _, r := range sink.kept() {
		users[r.User]++
	}
	if want := map[string]int{"": 4, "whole": 1}; !maps.Equal(users, want) {
		t.Errorf("recorded for %v, want %v", users, want)
	}
}

// TestOuterHandlersSeeWhatTheMuxFound: a middleware further out can read what the mux and
// the handler have set in the request.
func TestOuterHandlersSeeWhatTheMuxFound(t *testing.T) {
	m, sink := monitor(t)
	inner := m.Middleware(usersMux(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		r.RemoteAddr = "192.0.2.7:1"
		w.WriteHeader(204)
	}))
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		if r.Pattern != "GET /users/{id}" || r.PathValue("id") != "7" || r.Form.Get("q") != "x" || r.RemoteAddr != "192.0.2.7:1" {
			t.Errorf("pattern %q, id %q, form %v, address %q", r.Pattern, r.PathValue("id"), r.Form, r.RemoteAddr)
		}
	})
	do(outer, "GET", "/users/7?q=x")
	if got := one(t, m, sink); got.Endpoint != "/users/{id}" || got.Status != 204 {
		t.Errorf("recorded %+v", got)
	}
}

// TestHandlersBetweenSeeWhatTheMuxFound is the same between two middlewares, where
// the context in which the inner one would be found was replaced.
func TestHandlersBetweenSeeWhatTheMuxFound(t *testing.T) {
	m, sink := monitor(t)
	inner := m.Middleware(usersMux(func(w http.ResponseWriter, r *http.Request) { r.ParseForm() }))
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.Background())
		inner.ServeHTTP(w, r)
		if r.Pattern != "GET /users/{id}" || r.PathValue("id") != "7" || r.Form.Get("q") != "x" {
			t.Errorf("pattern %q, id %q, form %v", r.Pattern, r.PathValue("id"), r.Form)
		}
	})), "GET", "/users/7?q=x")
	if got := one(t, m, sink); got.Endpoint != "/users/{id}" {
		t.Errorf("recorded %+v", got)
	}
}

// TestServerSeesTheHandlersRequest: net/http removes the files of a form that a
// handler has parsed from its own request, so it must be the same.
func TestServerSeesTheHandlersRequest(t *testing.T) {
	for _, p := range protocols {
		m, _ := monitor(t)
		var mu sync.Mutex
		var seen []*http.Request
		root := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen = append(seen, r)
			mu.Unlock()
			if r.Context().Value(http.ServerContextKey) == nil || !SetUserContext(r.Context(), "x") {
				t.Error("a value of the context is missing")
			}
		}))
		s := p.server(root)
		get(t, s.Client(), "GET", s.URL)
		s.Close()
		if len(seen) != 1 || root.(*handler).server(seen[0].Context()) == nil {
			t.Errorf("%s: the server did not give the request to the middleware directly", p.name)
		}
	}
}

// TestConcurrentReadersOfTheRequest: code further out may still read the request that it
// passed on.
func TestConcurrentReadersOfTheRequest(t *testing.T) {
	m, _ := monitor(t)
	inner := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "x") }))
	s, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			inner.ServeHTTP(w, r)
		}()
		for {
			select {
			case <-done:
				return
			case <-r.Context().Done():
			default:
				_ = r.URL.Path + r.Method + r.Host
			}
		}
	}))
	for range 100 {
		get(t, s.Client(), "GET", s.URL)
	}
	stop()
}

// TestRequestAfterItsMaker: a request that a handler made is not changed, even if it is
// served after the handler's own request is over.
func TestRequestAfterItsMaker(t *testing.T) {
	m, _ := monitor(t)
	root := m.Middleware(routed)
	var made *http.Request
	served := servedRequest(root)
	maker := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(204)
		made = httptest.NewRequestWithContext(r.Context(), "GET", "/", nil)
	}))
	maker.ServeHTTP(httptest.NewRecorder(), served)
	before := made.Context()
	root.ServeHTTP(httptest.NewRecorder(), made)
	if made.Context() != before {
		t.Error("the request was changed in place")
	}
}
