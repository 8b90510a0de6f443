package kymo

import (
	"net/http"
	"net/url"
	"strings"
)

// routes is what *http.ServeMux offers for finding a request's route.
type routes interface {
	Handler(*http.Request) (h http.Handler, pattern string)
}

// matched returns the pattern that r was routed by within h: what a router has set in
// r.Pattern, or else what the handler's routes return, or else "". before and path are
// r.Pattern and r.URL.Path when r arrived.
func (h *handler) matched(r *http.Request, before, path string) string {
	if r.Pattern != before {
		return r.Pattern
	}
	if h.routes == nil || h.direct {
		return ""
	}
	pattern := h.lookup(r)
	if pathOf(r) == path {
		return pattern
	}
	// The path was changed in place: before routing, as by a middleware that removes
	// a prefix, or after it, by the handler. Of the two paths, the one that was routed
	// matches the more specific pattern.
	taken := level{path: path}.below(pathOf(r), before)
	original := *r
	original.URL = &url.URL{Path: path}
	if r.URL != nil {
		original.URL.Host = r.URL.Host
	}
	if p := h.lookup(&original); specificity(p) > specificity(pattern) {
		return p
	}
	return taken.join(pattern)
}

// specificity orders patterns: the more of a path they name, the higher.
func specificity(pattern string) int {
	path := withoutHost(withoutMethod(pattern))
	return 2*strings.Count(path, "/") + len(strings.Trim(path, "/"))
}

// lookup routes r once more. It contains a panic of the mux, which would not have been
// called without the middleware.
func (h *handler) lookup(r *http.Request) (pattern string) {
	defer func() {
		if v := recover(); v != nil {
			h.m.stats.panicked("looking up the route", v)
			pattern = ""
		}
	}()
	_, pattern = h.routes.Handler(r)
	return pattern
}
