package kymo

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Serve serves one request as the handler that Middleware returns does. It is for
// adapters of frameworks on net/http whose handlers are not http.Handlers: next calls
// the framework's handler with the writer and the request it is given, and sets the
// request's Pattern to the template of the route, or to "" if none matched.
func (m *Monitor) Serve(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	h := &handler{m: m, next: next}
	h.routed.Store(true) // the hint for chains without routes is not for adapters
	h.ServeHTTP(w, r)
}

// Exchange is a request in progress that does not come through net/http. Adapters of
// other servers get one from Monitor.Begin:
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

// ResponseTimeHeader is the header that the middleware adds to each response. Its
// value is the time until the header was written, in whole milliseconds, as in "12ms".
const ResponseTimeHeader = responseTime

// Begin starts a request. The context that it returns is derived from ctx;
// SetUserContext and the like find the request through it. If ctx already belongs to
// a request that m is going to record, as within Middleware, only that request is
// recorded, with what is passed to End.
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
// request. The request may then be recorded before End is called, so adapters should
// call SetRouteContext and SetStreamContext as early as they can.
func (e *Exchange) Joined() bool { return e.joined != nil }

// ResponseTime returns the value of the header X-Response-Time, or "" if a middleware
// further out sets that header. Call it right before the response's header is written:
// the first call sets the time of the request's first byte.
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

// ContextKey returns the key under which contexts returned by Begin hold the request.
// It is for servers whose requests carry values of their own and serve as contexts,
// like those of fasthttp: with the value stored under the key, SetUserContext and the
// like find the request through them too.
func ContextKey() any { return contextKey{} }

// End records the request; further calls do nothing. Requests that are not recorded
// (probes, and those that Ignore left out) are counted in Stats.
//
// r.Start is not used. r.Duration and r.FirstByte are measured if they are 0. What
// handlers set by SetUserContext, SetRouteContext and SetErrorContext takes precedence
// over r.User, r.Route and r.Error, and so do the Route and Status of an adapter
// further in. The request is a stream if SetStreamContext was called or r.Stream is set.
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

// merge sets in r what handlers and adapters further in have set.
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

// join notes what an adapter found about a request that a middleware further out
// records.
func (x *exchange) join(r *Request) {
	n := x.note()
	n.mu.Lock()
	if n.pattern == "" {
		n.pattern = clip(r.Route, wire.MaxEndpoint)
	}
	if n.user == "" {
		n.user = clip(r.User, wire.MaxUser)
	}
	if n.class == "" {
		n.class = clip(r.Error, wire.MaxError)
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
