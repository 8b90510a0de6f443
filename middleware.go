package kymo

import (
	"context"
	"net/http"

	"github.com/kymohq/kymo/wire"
)

// Middleware records every request that next serves, and adds X-Response-Time
// to its response.
//
// The endpoint is the route template that matched: r.Pattern after next has
// returned, which http.ServeMux sets. A middleware between the two that replaces
// the request (r.WithContext) hides it; then it is found in one of these ways, of
// which the first that applies counts. SetRoute, called with the
// ResponseWriter, names it. A second m.Middleware right around the mux notes it:
// m.Middleware(auth(m.Middleware(mux))) records each request once. WithRoutes(mux)
// lets the monitor ask the mux, which it does by itself if next has the method
// Handler of http.ServeMux; that routes such requests twice. A request that
// matched nothing is recorded as "(unmatched)".
//
// A handler that panics is recorded with status 500, and the panic goes on. A
// request whose client went away is recorded with 499. A connection that was
// taken over or upgraded, and an event stream, count by their first byte.
func (m *Monitor) Middleware(next http.Handler) http.Handler {
	if next == nil {
		next = http.DefaultServeMux // as for http.Server
	}
	h := &handler{m: m, next: next, routes: m.routes}
	if h.routes == nil {
		h.routes, _ = next.(routes)
	}
	return h
}

type handler struct {
	m      *Monitor
	next   http.Handler
	routes routes
}

func (h *handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if _, ok := rw.(unwrapper); ok {
		if outer := h.outer(rw); outer != nil {
			h.serveWithin(outer, rw, r)
			return
		}
	}
	w := h.m.writers.Get().(*writer)
	w.inner = rw
	w.start = h.m.now()
	before := r.Pattern
	returned := false
	defer func() {
		if !returned {
			h.abort(w, r, before, recover())
		}
	}()
	h.next.ServeHTTP(w.shape(), r)
	returned = true
	h.finish(w, r, before, 0)
}

// outer returns the writer of this monitor's middleware further out, if any.
func (h *handler) outer(rw http.ResponseWriter) *writer {
	w := find(rw)
	for w != nil && w.m != h.m {
		w = find(w.inner)
	}
	return w
}

// serveWithin notes the route for the middleware further out, which records.
func (h *handler) serveWithin(outer *writer, rw http.ResponseWriter, r *http.Request) {
	before := r.Pattern
	defer func() {
		// The innermost returns first and knows best.
		if outer.pattern == "" && r.Pattern != before {
			outer.pattern = r.Pattern
		}
	}()
	h.next.ServeHTTP(rw, r)
}

// abort finishes a request whose handler panicked with v, or ended its
// goroutine, for which v is nil.
func (h *handler) abort(w *writer, r *http.Request, before string, v any) {
	status := http.StatusInternalServerError
	if v == http.ErrAbortHandler && r.Context().Err() == context.Canceled {
		status = clientClosed
	}
	h.finish(w, r, before, status)
	if v != nil {
		panic(v)
	}
}

// finish records the request and takes w back. status is 0 unless the handler
// did not return.
func (h *handler) finish(w *writer, r *http.Request, before string, status int) {
	if w.status == 0 {
		// net/http writes the header now; or whoever recovers from the panic will.
		w.commit(http.StatusOK)
	}
	total := h.m.now() - w.start
	stream := w.stream || w.hijacked || w.status == http.StatusSwitchingProtocols
	if status == 0 {
		status = w.status
		if !stream && r.Context().Err() == context.Canceled {
			status = clientClosed
		}
	}
	pattern := r.Pattern
	if w.pattern != "" || pattern == before {
		pattern = h.pattern(w, r)
	}
	if w.probe {
		h.m.probes.Add(1)
	} else {
		h.m.recorder.put(w, total, pattern, methodID(r.Method), uint16(status), stream)
	}
	w.reset()
	h.m.writers.Put(w)
}

const clientClosed = wire.ClientClosed

// gone is the inner writer of a pooled writer. A handler that writes after it
// has returned, which net/http forbids, gets an error instead of a crash, as long
// as no other request has taken the writer over.
type gone struct{}

func (gone) Header() http.Header       { return http.Header{} }
func (gone) WriteHeader(int)           {}
func (gone) Write([]byte) (int, error) { return 0, http.ErrHandlerTimeout }
