package kymo

import (
	"net/http"
	"strings"

	"github.com/kymohq/kymo/wire"
)

// routes is what *http.ServeMux offers for finding a request's route.
type routes interface {
	Handler(*http.Request) (h http.Handler, pattern string)
}

// SetUser says who asked. w is the handler's own ResponseWriter, or any that
// leads to it by Unwrap; if that is none of a Monitor's, nothing happens. It may
// be called from a handler or a middleware within, and the last call counts. What
// is longer than 255 bytes is cut.
func SetUser(w http.ResponseWriter, user string) {
	if len(user) > wire.MaxUser {
		user = wire.Clean(user, wire.MaxUser)
	}
	for o := find(w); o != nil; o = find(o.inner) {
		o.user = user
	}
}

// SetRoute names the request's route, as in "/users/{id}", for routers that
// leave no trace in Request.Pattern. It must be a template: a raw path would make
// an endpoint of each. It reaches the Monitor as SetUser does.
func SetRoute(w http.ResponseWriter, route string) {
	if len(route) > wire.MaxEndpoint {
		route = wire.Clean(route, wire.MaxEndpoint)
	}
	for o := find(w); o != nil; o = find(o.inner) {
		o.route = route
	}
}

// pattern returns the pattern that r was routed by when it is not simply what
// the handler left in r.Pattern.
func (h *handler) pattern(w *writer, r *http.Request) string {
	if w.pattern != "" {
		return w.pattern
	}
	if h.routes != nil {
		if p := h.lookup(r); p != "" {
			return p
		}
	}
	return r.Pattern // set by a mux before us, or empty
}

// lookup routes r once more. The mux may be anybody's, so a panic is not ours to
// pass on.
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

// endpoint turns a pattern, "[METHOD ][HOST]/[PATH]", into the endpoint.
func endpoint(pattern string) string {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	if pattern == "" {
		return wire.Unmatched
	}
	return wire.Clean(pattern, wire.MaxEndpoint)
}
