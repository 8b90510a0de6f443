package kymochi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/kymohq/kymo"
	kymochi "github.com/kymohq/kymo/contrib/chi"
	"github.com/kymohq/kymo/kymotest"
)

// quiet keeps middleware.Recoverer from writing traces to standard error.
func quiet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, middleware.WithLogEntry(r, noEntry{}))
	})
}

type noEntry struct{}

func (noEntry) Write(int, int, http.Header, time.Duration, any) {}
func (noEntry) Panic(any, []byte)                               {}

func greet(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUserContext(r.Context(), chi.URLParam(r, name))
		fmt.Fprintln(w, name, chi.URLParam(r, name))
	}
}

// router has the routes of the suite; between are middlewares of the adapter's router.
func router(s kymotest.Setup, between ...func(http.Handler) http.Handler) http.Handler {
	r := chi.NewRouter()
	r.Use(quiet)
	if s.Recovery == kymotest.RecoveryOutside {
		r.Use(middleware.Recoverer)
	}
	if s.Monitor != nil {
		r.Use(kymochi.Middleware(s.Monitor))
	}
	if s.Recovery == kymotest.RecoveryInside {
		r.Use(middleware.Recoverer)
	}
	r.Use(between...)
	r.Get("/users/{id}", greet("id"))
	r.Head("/users/{id}", greet("id"))
	r.Delete("/users/{id:[a-z0-9-]+}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r.Post("/users", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		io.Copy(w, r.Body)
	})
	r.Route("/teams/{team}", func(r chi.Router) {
		r.Group(func(r chi.Router) {
			r.Get("/members/{member}", greet("member"))
		})
	})
	r.Get("/files/*", func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, strings.NewReader(strings.Repeat("0123456789", 10_000)))
	})
	r.Get("/moved", http.RedirectHandler("/users/7", http.StatusFound).ServeHTTP)
	r.Get("/nothing", func(http.ResponseWriter, *http.Request) {})
	r.Get("/fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "taken", http.StatusConflict) })
	r.Get("/broken", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "sorry", http.StatusInternalServerError) })
	r.Get("/panics", func(http.ResponseWriter, *http.Request) { panic("oops") })
	r.Get("/panics/late", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "partial")
		w.(http.Flusher).Flush()
		panic("oops")
	})
	r.Get("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		kymotest.Pause(r.Context())
		io.WriteString(w, "data: 2\n\n")
	})
	r.Get("/upgrade", func(w http.ResponseWriter, _ *http.Request) { kymotest.Upgrade(w) })
	r.Get("/slow", func(w http.ResponseWriter, r *http.Request) {
		kymotest.Pause(r.Context())
		io.WriteString(w, "done")
	})
	return r
}

func TestSuite(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler { return router(s) }})
}

// replacing is a middleware that replaces the request, which hides what chi sets in it.
func replacing(next http.Handler) http.Handler {
	type key struct{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
	})
}

func TestSuiteWithOtherMiddlewares(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler {
		return router(s, replacing, middleware.RequestID, middleware.Compress(5), middleware.StripSlashes)
	}})
}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func handle(r chi.Router, patterns ...string) chi.Router {
	for _, p := range patterns {
		r.Handle(p, nothing)
	}
	return r
}

// use returns a router with the adapter.
func use(m *kymo.Monitor) *chi.Mux {
	r := chi.NewRouter()
	r.Use(kymochi.Middleware(m))
	return r
}

var chains = []struct {
	name  string
	build func(m *kymo.Monitor) http.Handler
	want  map[string]string // by path
}{
	{"mounts within mounts", func(m *kymo.Monitor) http.Handler {
		r := use(m)
		r.Mount("/a/{a}", handle(chi.NewRouter(), "/", "/x").(*chi.Mux))
		r.Route("/b", func(r chi.Router) {
			r.Mount("/{c}/", handle(chi.NewRouter(), "/y", "/z/*").(*chi.Mux))
		})
		return r
	}, map[string]string{
		"/a/1": "/a/{a}", "/a/1/": "/a/{a}", "/a/1/x": "/a/{a}/x", "/a/1/no": "(unmatched)",
		"/b": "(unmatched)", "/b/2": "(unmatched)", "/b/2/": "(unmatched)", "/b/2/y": "/b/{c}/y",
		"/b/2/z/3/4": "/b/{c}/z/{path...}", "/b/2/z/": "/b/{c}/z/{path...}", "/b/2/no": "(unmatched)",
	}},
	{"on a mounted router alone", func(m *kymo.Monitor) http.Handler {
		r := chi.NewRouter()
		r.Mount("/api/{version}", handle(use(m), "/orders/{id}").(*chi.Mux))
		return r
	}, map[string]string{"/api/2/orders/7": "/api/{version}/orders/{id}", "/api/2/no": "(unmatched)", "/api/2": "(unmatched)"}},
	{"on both", func(m *kymo.Monitor) http.Handler {
		r := use(m)
		r.Mount("/api", handle(use(m), "/orders/{id}").(*chi.Mux))
		return r
	}, map[string]string{"/api/orders/7": "/api/orders/{id}", "/api/no": "(unmatched)", "/no": "(unmatched)"}},
	{"on a group and on routes", func(m *kymo.Monitor) http.Handler {
		r := chi.NewRouter()
		r.Group(func(r chi.Router) {
			r.Use(kymochi.Middleware(m))
			handle(r, "/orders/{id}")
		})
		r.With(kymochi.Middleware(m)).Get("/users/{id}", nothing)
		return r
	}, map[string]string{"/orders/7": "/orders/{id}", "/users/7": "/users/{id}"}},
	{"a handler of another kind is mounted", func(m *kymo.Monitor) http.Handler {
		r := use(m)
		r.Mount("/debug", nothing)
		r.Mount("/{tenant}/mux", func() http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/{tenant}/mux/vars", nothing)
			return mux
		}())
		r.Mount("/wrapped", replacing(handle(chi.NewRouter(), "/x")))
		return r
	}, map[string]string{
		"/debug": "/debug", "/debug/": "/debug", "/debug/vars": "/debug/{path...}",
		"/7/mux/vars": "/{tenant}/mux/vars", "/wrapped/x": "/wrapped/x",
	}},
	{"handlers of its own for what matches none", func(m *kymo.Monitor) http.Handler {
		r := use(m)
		r.NotFound(nothing)
		r.MethodNotAllowed(nothing)
		r.Post("/orders", nothing)
		r.Mount("/api", handle(chi.NewRouter(), "/x").(*chi.Mux))
		return r
	}, map[string]string{"/no": "(unmatched)", "/orders": "(unmatched)", "/api/no": "(unmatched)", "/api/x": "/api/x"}},
	{"within http.ServeMux, without its prefix", func(m *kymo.Monitor) http.Handler {
		outer := http.NewServeMux()
		outer.Handle("/shop/", http.StripPrefix("/shop", handle(use(m), "/orders/{id}")))
		return outer
	}, map[string]string{"/shop/orders/7": "/shop/orders/{id}"}},
	{"around chi, where it sees nothing", func(m *kymo.Monitor) http.Handler {
		return kymochi.Middleware(m)(handle(chi.NewRouter(), "/orders/{id}"))
	}, map[string]string{"/orders/7": "(unmatched)"}},
}

func TestRoutes(t *testing.T) {
	for _, c := range chains {
		t.Run(c.name, func(t *testing.T) {
			m, sink := kymotest.New(t)
			h := c.build(m)
			n := 0
			for path, want := range c.want {
				for range 2 { // the second time it is known
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
					n++
					got := sink.Requests()
					if len(got) != n {
						t.Fatalf("GET %s: %d requests were recorded, want %d", path, len(got), n)
					}
					if !hasEndpoint(got, want) {
						t.Errorf("GET %s: want %s, recorded %+v", path, want, got)
					}
				}
			}
			counts := make(map[string]int)
			for _, want := range c.want {
				counts[want] += 2
			}
			for _, r := range sink.Requests() {
				counts[r.Endpoint]--
			}
			for endpoint, left := range counts {
				if left != 0 {
					t.Errorf("%s was recorded %d times too few", endpoint, left)
				}
			}
		})
	}
}

func hasEndpoint(all []kymotest.Request, endpoint string) bool {
	for _, r := range all {
		if r.Endpoint == endpoint {
			return true
		}
	}
	return false
}

// What chi sets in the request for middlewares further out is unchanged.
func TestPatternSeenFromOutside(t *testing.T) {
	for _, path := range []string{"/api/orders/7", "/api/no", "/no"} {
		var seen [2]string
		for i, with := range []bool{false, true} {
			m, _ := kymotest.New(t)
			sub := chi.NewRouter()
			if with {
				sub.Use(kymochi.Middleware(m))
			}
			handle(sub, "/orders/{id}")
			r := chi.NewRouter()
			r.Use(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					seen[i] = r.Pattern
				})
			})
			r.Mount("/api", sub)
			r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}
		if seen[0] != seen[1] {
			t.Errorf("%s: without Kymo the pattern is %q, with it %q", path, seen[0], seen[1])
		}
	}
}
