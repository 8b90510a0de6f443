package kymomux_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/kymohq/kymo"
	kymomux "github.com/kymohq/kymo/contrib/mux"
	"github.com/kymohq/kymo/kymotest"
)

func greet(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUserContext(r.Context(), mux.Vars(r)[name])
		fmt.Fprintln(w, name, mux.Vars(r)[name])
	}
}

// recovering is a middleware as services commonly write for mux, which has none.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "sorry", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// router has the routes of the suite.
func router(s kymotest.Setup) *mux.Router {
	r := mux.NewRouter()
	if s.Recovery == kymotest.RecoveryOutside {
		r.Use(recovering)
	}
	if s.Monitor != nil {
		r.Use(kymomux.Middleware(s.Monitor))
	}
	if s.Recovery == kymotest.RecoveryInside {
		r.Use(recovering)
	}
	r.HandleFunc("/users/{id:[a-z0-9-]+}", greet("id")).Methods("GET", "HEAD")
	r.HandleFunc("/users/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }).Methods("DELETE")
	r.HandleFunc("/users", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.Copy(w, r.Body)
	}).Methods("POST")
	teams := r.PathPrefix("/teams/{team}").Subrouter()
	teams.HandleFunc("/members/{member}", greet("member")).Methods("GET")
	r.HandleFunc("/files/{path:.*}", func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("0123456789", 10_000)))
	})
	r.Handle("/moved", http.RedirectHandler("/users/7", http.StatusFound))
	r.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	r.HandleFunc("/fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "taken", http.StatusConflict) })
	r.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", http.StatusInternalServerError) })
	r.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic("oops") })
	r.HandleFunc("/panics/late", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "partial")
		w.(http.Flusher).Flush()
		panic("oops")
	})
	r.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		kymotest.Pause(r.Context())
		io.WriteString(w, "data: 2\n\n")
	})
	r.HandleFunc("/upgrade", func(w http.ResponseWriter, _ *http.Request) { kymotest.Upgrade(w) })
	r.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		kymotest.Pause(r.Context())
		io.WriteString(w, "done")
	})
	return r
}

// TestSuite uses the middleware as in the two lines of the package's comment.
func TestSuite(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler {
		if s.Monitor == nil {
			return router(s)
		}
		return s.Monitor.Middleware(router(s))
	}, Unsupported: map[kymotest.Feature]string{
		kymotest.Recovers: "the outer Middleware is outside of all of the router's; TestSuiteWithoutTheOuterMiddleware has these cases",
	}})
}

func TestSuiteWithoutTheOuterMiddleware(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{
		New: func(s kymotest.Setup) http.Handler { return router(s) },
		Unsupported: map[kymotest.Feature]string{
			kymotest.Unmatched: "mux calls no middleware for a request that no route matches",
		},
	})
}

// recorded serves a request and returns the only record of it.
func recorded(t *testing.T, path string, build func(m *kymo.Monitor) http.Handler) kymotest.Request {
	t.Helper()
	m, sink := kymotest.New(t)
	build(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	got := sink.Requests()
	if len(got) != 1 {
		t.Fatalf("recorded %+v", got)
	}
	return got[0]
}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestRoutes(t *testing.T) {
	type key struct{}
	for _, test := range []struct {
		name, path, endpoint string
		build                func(m *kymo.Monitor) http.Handler
	}{
		{"on a subrouter", "/api/v2/orders/7", "/api/v2/orders/{id}", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			api := r.PathPrefix("/api/v2").Subrouter()
			api.Use(kymomux.Middleware(m))
			api.Handle("/orders/{id:[0-9]+}", nothing)
			return r
		}},
		{"on a router and its subrouter", "/api/orders/7", "/api/orders/{id}", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m))
			api := r.PathPrefix("/api").Subrouter()
			api.Use(kymomux.Middleware(m))
			api.Handle("/orders/{id}", nothing)
			return r
		}},
		{"a request that is replaced", "/orders/7", "/orders/{id}", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m), func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
				})
			})
			r.Handle("/orders/{id}", nothing)
			return r
		}},
		{"a prefix", "/static/css/a.css", "/static/", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m))
			r.PathPrefix("/static/").Handler(nothing)
			return r
		}},
		{"a route without a path", "/anything", "(unmatched)", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m))
			r.Methods("GET").Handler(nothing)
			return r
		}},
		{"http.ServeMux within", "/tenants/7/debug/vars", "/tenants/{tenant}/debug/vars", func(m *kymo.Monitor) http.Handler {
			debug := http.NewServeMux()
			debug.Handle("GET /tenants/{tenant}/debug/vars", nothing)
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m))
			r.PathPrefix("/tenants/{tenant}/debug").Handler(debug)
			return r
		}},
		{"within http.ServeMux, without its prefix", "/api/orders/7", "/api/orders/{id}", func(m *kymo.Monitor) http.Handler {
			r := mux.NewRouter()
			r.Use(kymomux.Middleware(m))
			r.Handle("/orders/{id}", nothing)
			outer := http.NewServeMux()
			outer.Handle("/api/", http.StripPrefix("/api", r))
			return outer
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := recorded(t, test.path, test.build); got.Endpoint != test.endpoint || got.Status != 200 {
				t.Errorf("recorded %+v, want %s", got, test.endpoint)
			}
		})
	}
}
