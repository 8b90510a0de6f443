// Package kymochi records the requests of chi routers in Kymo:
//
//	r := chi.NewRouter()
//	r.Use(kymochi.Middleware(m)) // before other middlewares, so that their time counts too
package kymochi

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware for chi.Router.Use that records requests for m. The
// endpoint is the pattern of the route that matched, such as "/users/{id}", including
// the patterns at which routers are mounted in each other.
func Middleware(m *kymo.Monitor) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		a := &adapter{next: next}
		a.monitored = m.Middleware(http.HandlerFunc(a.serveWithin))
		return a
	}
}

type adapter struct {
	next      http.Handler
	monitored http.Handler
	ends      sync.Map // by joined patterns, whether a request ends there: see isEnd
}

// ServeHTTP hides from Kymo the pattern that a router further out set in the request,
// "/teams/*": it would become the route of requests that match none further in.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rctx := chi.RouteContext(r.Context())
	if rctx == nil || len(rctx.RoutePatterns) == 0 {
		a.monitored.ServeHTTP(w, r)
		return
	}
	r.Pattern = ""
	defer func() {
		if r.Pattern == "" {
			r.Pattern = rctx.RoutePattern() // as chi left it
		}
	}()
	a.monitored.ServeHTTP(w, r)
}

// serveWithin sets the pattern in the request that Kymo passed on. Chi sets it too, but
// in the copies that middlewares in between make, and also with the patterns of routers
// in which no route matched.
func (a *adapter) serveWithin(w http.ResponseWriter, r *http.Request) {
	rctx := chi.RouteContext(r.Context())
	if rctx == nil {
		a.next.ServeHTTP(w, r)
		return
	}
	before := r.Pattern
	if len(rctx.RoutePatterns) > 0 {
		r.Pattern = rctx.RoutePattern()
	}
	defer func() {
		switch {
		case !a.isEnd(rctx):
			r.Pattern = before
		case r.Pattern == before || isOfChi(rctx, r.Pattern):
			r.Pattern = rctx.RoutePattern()
		}
	}()
	a.next.ServeHTTP(w, r)
}

// isOfChi reports whether chi set the pattern, at whatever depth, rather than a router
// of another kind that is mounted in it.
func isOfChi(rctx *chi.Context, pattern string) bool {
	for n := range rctx.RoutePatterns {
		at := chi.Context{RoutePatterns: rctx.RoutePatterns[:n+1]}
		if at.RoutePattern() == pattern {
			return true
		}
	}
	return false
}

// isEnd reports whether the patterns that matched lead to a handler, and not only
// to a router that has none for the rest of the path.
func (a *adapter) isEnd(rctx *chi.Context) bool {
	patterns := rctx.RoutePatterns
	if len(patterns) == 0 || rctx.Routes == nil {
		return false
	}
	key := strings.Join(patterns, "")
	if end, ok := a.ends.Load(key); ok {
		return end.(bool)
	}
	end := isEnd(rctx.Routes, patterns)
	a.ends.Store(key, end) // as many as there are routes
	return end
}

func isEnd(routes chi.Routes, patterns []string) bool {
	for _, pattern := range patterns {
		// A mount at "/teams" is listed as "/teams/*" alone, but also matches
		// "/teams" and "/teams/".
		route := find(routes, pattern, strings.TrimSuffix(pattern, "/")+"/*")
		switch {
		case route == nil:
			return false
		case route.SubRoutes == nil:
			return true // or of a handler that has a router within: then what follows is its
		}
		routes = route.SubRoutes
	}
	return false
}

// find returns the route of the first of the patterns that is one's.
func find(routes chi.Routes, patterns ...string) *chi.Route {
	all := routes.Routes()
	for _, pattern := range patterns {
		if i := slices.IndexFunc(all, func(r chi.Route) bool { return r.Pattern == pattern }); i >= 0 {
			return &all[i]
		}
	}
	return nil
}
