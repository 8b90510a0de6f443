// Package kymomux records the requests of gorilla/mux routers in Kymo:
//
//	router.Use(kymomux.Middleware(m))
//	http.ListenAndServe(":8080", m.Middleware(router))
//
// The second line records requests that match no route, for which the router calls no
// middleware. Each request is recorded once.
package kymomux

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware that records requests for m. The endpoint is the path
// template of the route that matched, such as "/users/{id}", or "(unmatched)" if the
// route has none.
func Middleware(m *kymo.Monitor) mux.MiddlewareFunc {
	return func(next http.Handler) http.Handler {
		return m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if route := mux.CurrentRoute(r); route != nil {
				if template, err := route.GetPathTemplate(); err == nil {
					r.Pattern = template
				}
			}
			next.ServeHTTP(w, r)
		}))
	}
}
