package kymo

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Serve serves one request by next as Middleware does. It is for adapters of
// frameworks on net/http whose handlers are not http.Handlers: next calls the
// framework's handler with the writer and the request that it got, and leaves the
// route's template in the request's Pattern, "" if none matched.
func (m *Monitor) Serve(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	h := &handler{m: m, next: next}
	h.routed.Store(true) // an adapter needs no hint how to get routes
	h.ServeHTTP(w, r)
}

// Exchange is a request in progress that does not come through net/http. It is for
// adapters of other servers:
//
//	ctx, x := m.Begin(ctx)
//	… handle the request, with ctx …
//	x.End(kymo.Request{Route: "/users/{id}", Method: "GET", Status: 200})
type Exchange struct {
	exchange
	joined *exchange // of a middleware further out, which records

	mu    sync.Mutex // of first and value
	value string     // of X-Response-Time, "" until the header is written
}

// ResponseTimeHeader is the name of the header that tells how long a response took.
const ResponseTimeHeader = responseTime

// Begin starts a request. SetUserContext and the like find it by the context
// that Begin returns, which is derived from ctx. Where ctx is already of a request
// that m is going to record, as below Middleware, that one request is recorded,
// with what is passed to End.
func (m *Monitor) Begin(ctx context.Context) (context.Context, *Exchange) {
	outer := inContext(ctx)
	e := new(Exchange)
	e.m, e.parent, e.start = m, ctx, m.now()
	for x := outer; x != nil; x = x.outer() {
		if x.m == m {
			e.joined = x
			e.state.Store(flagReturned | flagDone)
			return ctx, e
		}
	}
	if outer != nil {
		e.note().outer = outer
	}
	return requestContext{&e.exchange}, e
}

// Joined reports whether something further out, such as Middleware, records the
// request. It may be done with the request before End is called: what is to be
// recorded is better said early, by SetRouteContext and SetStreamContext.
func (e *Exchange) Joined() bool { return e.joined != nil }

// ResponseTime notes that the response's header is about to be written, if it
// was not noted before, and returns the value of X-Response-Time. It returns ""
// where a middleware further out sets that header.
func (e *Exchange) ResponseTime() string {
	if e.joined != nil {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.value == "" {
		e.first = e.m.now() - e.start
		e.value = responseTimeValue(e.first)
	}
	return e.value
}

// ContextKey returns the key by which a context that Begin returned holds the
// request. It is for servers whose requests hold values themselves: where one has
// the value as well, SetUserContext and the like work with it as a context.
func ContextKey() any { return contextKey{} }

// Skip reports whether a filter leaves a request out, which an adapter is to ask
// before Begin, and counts it in Stats.Ignored if so. request describes the
// request to the filters; it is not called if there are none.
func (m *Monitor) Skip(request func() *http.Request) bool {
	if m.filters == nil || m.keeps(request()) {
		return false
	}
	m.ignored.Add(1)
	return true
}

// End records the request, once; Stats counts those that are left out. Of r,
// Start is not used; Duration and FirstByte are measured if they are 0; what
// handlers said by SetUserContext, SetRouteContext, SetErrorContext or
// SetStreamContext counts before User, Route, Error and Stream, and the Route and
// Status of an adapter further in before those of r.
func (e *Exchange) End(r Request) {
	if e.joined != nil {
		e.joined.join(&r)
		return
	}
	s := e.state.Or(flagDone)
	if s&flagDone != 0 {
		return
	}
	e.merge(&r)
	switch {
	case s&flagIgnored != 0:
		e.m.ignored.Add(1)
		return
	case r.Probe || s&flagProbe != 0 || isHealthRoute(r.Route):
		e.m.probes.Add(1)
		return
	}
	r.Stream = r.Stream || s&flagStream != 0
	if r.Duration == 0 {
		r.Duration = time.Duration(e.m.now() - e.start)
	}
	if r.FirstByte == 0 {
		e.mu.Lock()
		r.FirstByte = time.Duration(e.first)
		e.mu.Unlock()
	}
	e.m.record(&r, e.start)
}

// merge completes r with what handlers and adapters further in have set.
func (x *exchange) merge(r *Request) {
	n := x.notes.Load()
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r.User = cmp.Or(n.user, r.User)
	r.Route = cmp.Or(n.route, n.pattern, r.Route)
	r.Error = cmp.Or(n.class, r.Error)
	r.Status = cmp.Or(n.status, r.Status)
}

// join notes what an adapter found out about a request that a middleware
// further out records.
func (x *exchange) join(r *Request) {
	n := x.note()
	n.mu.Lock()
	if n.pattern == "" {
		n.pattern = short(r.Route, wire.MaxEndpoint)
	}
	if n.user == "" {
		n.user = short(r.User, wire.MaxUser)
	}
	if n.class == "" {
		n.class = short(r.Error, wire.MaxError)
	}
	if r.Status >= 100 && r.Status <= 999 {
		n.status = r.Status
	}
	n.mu.Unlock()
	if r.Stream {
		x.state.Or(flagStream)
	}
	if r.Probe {
		x.state.Or(flagProbe)
	}
}
