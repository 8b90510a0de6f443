package kymo

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/kymohq/kymo/internal/wire"
)

// Middleware returns a handler that records every request that next serves, and adds the
// header X-Response-Time to the response. For next, and for handlers further out,
// everything else is as without it. If next is nil, http.DefaultServeMux is used.
//
// The endpoint is the template of the route that matched: r.Pattern after next has
// returned, as set by http.ServeMux. A request that matched no route is recorded as
// "(unmatched)". A middleware between this one and the mux that replaces the request,
// as r.WithContext does, hides r.Pattern. Then the route is, in this order:
//
//   - what SetRoute set, which takes precedence over r.Pattern too;
//   - what a second m.Middleware right around the mux found, as in
//     m.Middleware(auth(m.Middleware(mux))), where each request is still recorded
//     once. Where muxes are mounted in each other by http.StripPrefix, an
//     m.Middleware around each joins their templates;
//   - what the mux of WithRoutes returns when it is asked, or next itself if it has
//     the method Handler of http.ServeMux. Such requests are routed twice.
//
// Other routers have adapters, in modules of their own.
//
// If next panics, status 500 is recorded, and the panic continues. A request whose
// client disconnected before the header was written, or while the body was being
// written, is recorded with status 499. Streams and hijacked or upgraded connections
// count by their first byte. A call by gRPC or Connect has its path as endpoint, and
// the status that RPCStatus returns for its code.
//
// The ResponseWriter that next gets implements http.Flusher, http.Hijacker,
// io.ReaderFrom, http.CloseNotifier, http.Pusher and io.StringWriter if the
// one below does. Other interfaces, such as those of an HTTP/3 server, are found
// through its method Unwrap, which http.ResponseController uses. One difference
// remains, as with every ResponseWriter but net/http's own: http.MaxBytesReader
// cannot tell the server to close the connection of a request that is too large,
// unless it is given the writer that Unwrap returns.
func (m *Monitor) Middleware(next http.Handler) http.Handler {
	if next == nil {
		next = http.DefaultServeMux // as for http.Server
	}
	h := &handler{m: m, next: next, routes: m.routes}
	if h.routes == nil {
		h.routes, _ = next.(routes)
		_, h.direct = next.(*http.ServeMux)
	}
	return h
}

type handler struct {
	m      *Monitor
	next   http.Handler
	routes routes
	direct bool        // next is the mux in routes, so r.Pattern is always right
	routed atomic.Bool // a request had a route, or a missing route was logged
}

func (h *handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	srv := h.server(ctx)
	kind := writerTypeOf(rw)
	var outer *exchange
	// A request that comes directly from a server belongs to no other exchange.
	if srv == nil || !kind.own {
		if ctx.Value(contextKey{}) != nil {
			srv = nil // a handler made r; its own request may be over
			outer = inContext(ctx)
		}
		if _, ok := rw.(unwrapper); ok && outer == nil {
			if outer = inWriter(rw); outer != nil {
				srv = nil
			}
		}
		if outer != nil && !outer.isOf(rw, r) {
			outer = nil
		}
		for x := outer; x != nil; x = x.outer() {
			if x.m == h.m {
				h.serveWithin(x, rw, r)
				return
			}
		}
	}
	if h.m.filters != nil && !h.m.passesFilters(r) {
		h.m.ignored.Add(1)
		h.next.ServeHTTP(rw, r)
		return
	}
	v := visit{h: h, before: r.Pattern, path: pathOf(r)}
	start := h.m.now()
	if srv != nil {
		// The server's request is changed in place, so that the server and the handler
		// see the same one; no other code has it yet.
		v.w, v.r, v.alone = new(writer), r, true
		*r = *r.WithContext(requestContext{&v.w.exchange})
		if srv.BaseContext == nil && srv.ConnContext == nil {
			v.w.state.Store(flagSure)
		}
	} else {
		// Code further out may be reading the request while we serve it.
		b := new(between)
		v.w, v.r, v.given = &b.writer, &b.copy, r
		b.copy = *r.WithContext(requestContext{&v.w.exchange})
	}
	w := v.w
	w.m, w.parent, w.start, w.below, w.request = h.m, ctx, start, rw, v.r
	if outer != nil {
		w.note().outer = outer
	}
	if r.RequestURI != v.path {
		v.mounted(r)
	}
	if v.serve(kind.set) {
		panic(nil)
	}
}

// isOf reports whether rw and r belong to x, rather than to a request that x's handler
// made itself with its own context.
func (x *exchange) isOf(rw http.ResponseWriter, r *http.Request) bool {
	return x.request == nil || x.request.RequestURI == r.RequestURI || inWriter(rw) == x
}

// pathOf returns the path of r. Code that makes requests by hand may leave out the URL.
func pathOf(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	return r.URL.Path
}

// between is allocated for a request that passes through several middlewares.
type between struct {
	writer
	copy http.Request // with our context
}

// visit is a request that passes through the outermost middleware.
type visit struct {
	h      *handler
	w      *writer
	r      *http.Request // as next has it
	given  *http.Request // as it arrived; nil if that is r
	before string        // r.Pattern and r.URL.Path when it arrived
	path   string
	alone  bool // the server gave us the request directly
}

// mounted notes the prefix that routers further out removed from the request's path.
func (v *visit) mounted(r *http.Request) {
	all := level{path: originalPath(r)}
	if l := all.below(v.path, v.before); l.base != "" {
		v.w.note().level = l
	}
}

// serve runs the handler and finishes the request. It returns true if the handler
// called panic(nil), which the caller must then repeat: with GODEBUG=panicnil=1, that
// cannot be distinguished from runtime.Goexit any earlier.
func (v *visit) serve(set abilities) (again bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// The panic continues by itself, with its original trace; it is recovered only
		// where its value matters.
		if !v.w.clientGone() {
			v.finish(http.StatusInternalServerError)
			return
		}
		value := recover()
		status := http.StatusInternalServerError
		if value == http.ErrAbortHandler { //nolint:errorlint // net/http recognizes nothing that wraps it
			status = clientClosed
		}
		v.finish(status)
		if value != nil {
			panic(value)
		}
		again = true
	}()
	v.h.next.ServeHTTP(v.w.as(set), v.r)
	returned = true
	v.finish(0)
	return false
}

// clientGone reports whether the request's client seems to have disconnected.
func (x *exchange) clientGone() bool {
	return x.state.Load()&flagFailed != 0 || x.parent.Err() == context.Canceled
}

// serveWithin serves a request that another middleware of the same monitor, further
// out, records. It notes the route for that one.
func (h *handler) serveWithin(x *exchange, rw http.ResponseWriter, r *http.Request) {
	given := r
	if inContext(r.Context()) != x {
		r = r.WithContext(context.WithValue(r.Context(), contextKey{}, x))
	}
	if inWriter(rw) != x {
		rw = x.link(rw)
	}
	n := x.note()
	n.mu.Lock()
	enclosing := n.level
	if enclosing.path == "" && x.request != nil {
		enclosing.path = originalPath(x.request)
	}
	before, path := r.Pattern, pathOf(r)
	mine := enclosing.below(path, before)
	n.level = mine
	n.mu.Unlock()
	if h.routes != nil && isTimed(r.Context(), x.parent) {
		// The middleware further out may not wait for the handler.
		pattern := mine.join(h.lookup(r))
		n.mu.Lock()
		n.likely = pattern
		n.mu.Unlock()
	}

	defer func() {
		if r != given {
			flowBack(given, r)
		}
		pattern := mine.join(h.matched(r, before, path))
		n.mu.Lock()
		defer n.mu.Unlock()
		n.level = enclosing
		if n.pattern == "" { // the innermost middleware returns first, and its pattern is the best
			n.pattern = pattern
		}
	}()
	h.next.ServeHTTP(rw, r)
}

// isTimed reports whether ctx has a deadline of its own that outer does not have, as
// within http.TimeoutHandler.
func isTimed(ctx, outer context.Context) bool {
	end, ok := ctx.Deadline()
	if !ok {
		return false
	}
	outerEnd, ok := outer.Deadline()
	return !ok || end.Before(outerEnd)
}

// link returns a writer that leads to x, for writers without Unwrap that hide it. It
// observes nothing itself.
func (x *exchange) link(rw http.ResponseWriter) http.ResponseWriter {
	w := &writer{below: rw}
	w.m, w.parent = x.m, x.parent
	w.state.Store(flagHeaded | flagReturned | flagDone)
	w.note().joined = x
	return w.as(writerTypeOf(rw).set)
}

const clientClosed = wire.ClientClosed
