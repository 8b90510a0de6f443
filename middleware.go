package kymo

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/kymohq/kymo/internal/wire"
)

// Middleware records every request that next serves, and adds X-Response-Time
// to its response. Nothing else differs for next, or for what stands further out.
//
// The endpoint is the route template that matched: r.Pattern after next has
// returned, which http.ServeMux sets. A middleware between the two that replaces
// the request (r.WithContext) hides it; then it is found in one of these ways, of
// which the first that applies counts. SetRoute names it. A second m.Middleware
// right around the mux notes it: m.Middleware(auth(m.Middleware(mux))) records
// each request once, and where muxes are mounted in each other by
// http.StripPrefix, an m.Middleware around each joins their templates.
// WithRoutes(mux) lets the monitor ask the mux, which it does by itself if next
// has the method Handler of http.ServeMux; that routes such requests twice. For
// other routers there are adapters in modules of their own. A request that
// matched nothing is recorded as "(unmatched)".
//
// A handler that panics is recorded with status 500, and the panic goes on. A
// request whose client went away before the header was written, or while the
// body was, is recorded with 499. A connection that was taken over or upgraded,
// and a stream, count by their first byte. A remote procedure call by gRPC or
// Connect has its path for its endpoint and a status that stands for its code.
//
// The ResponseWriter that next gets has those of the interfaces http.Flusher,
// http.Hijacker, io.ReaderFrom, http.CloseNotifier, http.Pusher and
// io.StringWriter that the one below has; others, such as those of an HTTP/3
// server, are found by way of its Unwrap, as http.ResponseController does. One
// difference remains, as with any ResponseWriter but net/http's own:
// http.MaxBytesReader cannot tell the server to close the connection of a
// request that was too large; give it the writer that Unwrap returns for that.
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
	direct bool        // next is the mux of routes: it notes what it matched, or that it did not
	routed atomic.Bool // a request had a route, or the missing route was logged
}

func (h *handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	srv := h.server(ctx)
	kind := typeOf(rw)
	var outer *exchange
	// What a server made, and gave to us directly, is part of no other exchange.
	if srv == nil || !kind.own {
		if ctx.Value(contextKey{}) != nil {
			srv = nil // a handler made r, perhaps one whose own request is over
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
	if h.m.filters != nil && !h.m.keeps(r) {
		h.m.ignored.Add(1)
		h.next.ServeHTTP(rw, r)
		return
	}
	v := visit{h: h, before: r.Pattern, path: pathOf(r)}
	start := h.m.now()
	if srv != nil {
		// What the server made is changed in place, so that it and the handler see
		// the same request; no other code has it yet.
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

// isOf reports whether x is the exchange that rw and r are of, and not one whose
// handler makes requests of its own and gives them its context.
func (x *exchange) isOf(rw http.ResponseWriter, r *http.Request) bool {
	return x.request == nil || x.request.RequestURI == r.RequestURI || inWriter(rw) == x
}

// pathOf returns the path of r, which code that makes requests by hand may leave out.
func pathOf(r *http.Request) string {
	if r.URL == nil {
		return ""
	}
	return r.URL.Path
}

// between is what a middleware between others allocates for a request.
type between struct {
	writer
	copy http.Request // with our context
}

// visit is a request that passes through the outermost middleware.
type visit struct {
	h      *handler
	w      *writer
	r      *http.Request // as next has it
	given  *http.Request // as it came, nil if that is r
	before string        // r.Pattern and r.URL.Path when it came
	path   string
	alone  bool // the server gave us the request directly
}

// mounted records the prefix that routers further out have removed from the
// request's path.
func (v *visit) mounted(r *http.Request) {
	all := level{path: originalPath(r)}
	if l := all.below(v.path, v.before); l.base != "" {
		v.w.note().level = l
	}
}

// serve lets the handler run and finishes the request. It returns true if the
// handler called panic(nil), which its caller then has to do: with
// GODEBUG=panicnil=1 it cannot be told from runtime.Goexit any earlier.
func (v *visit) serve(set abilities) (again bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		// The panic goes on by itself, with the trace that it has; its value is
		// looked at only where it matters.
		if !v.w.clientGone() {
			v.finish(http.StatusInternalServerError)
			return
		}
		value := recover()
		status := http.StatusInternalServerError
		if value == http.ErrAbortHandler {
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

// clientGone reports whether the request's client went away, or seems to have.
func (x *exchange) clientGone() bool {
	return x.state.Load()&flagFailed != 0 || x.parent.Err() == context.Canceled
}

// serveWithin serves a request that a middleware of the monitor further out
// records, and notes the route for it.
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
		if n.pattern == "" { // the innermost returns first and knows best
			n.pattern = pattern
		}
	}()
	h.next.ServeHTTP(rw, r)
}

// isTimed reports whether ctx ends at a time of its own and outer does not, as
// within http.TimeoutHandler.
func isTimed(ctx, outer context.Context) bool {
	end, ok := ctx.Deadline()
	if !ok {
		return false
	}
	outerEnd, ok := outer.Deadline()
	return !ok || end.Before(outerEnd)
}

// link returns a writer by which x can be found, for where writers that cannot
// be unwrapped hide it. It notes nothing itself.
func (x *exchange) link(rw http.ResponseWriter) http.ResponseWriter {
	w := &writer{below: rw}
	w.m, w.parent = x.m, x.parent
	w.state.Store(flagHeaded | flagReturned | flagDone)
	w.note().joined = x
	return w.as(typeOf(rw).set)
}

const clientClosed = wire.ClientClosed
