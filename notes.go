package kymo

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

// notes holds what few requests need: what handlers set by SetUser and the like,
// and what middlewares further in find out.
type notes struct {
	outer  *exchange // of the next monitor further out
	joined *exchange // the exchange that this one only stands for

	mu      sync.Mutex
	user    string
	route   string // as SetRoute named it
	class   string // of the error
	pattern string // as a middleware further in found it
	likely  string // pattern as it will be once the handler returns
	status  int    // as an adapter found it, 0 if it did not
	level   level  // of the innermost middleware; zero for the outermost
	frames  frames
	late    *late
}

// note returns the exchange's notes.
func (x *exchange) note() *notes {
	if n := x.notes.Load(); n != nil {
		return n
	}
	n := new(notes)
	if x.notes.CompareAndSwap(nil, n) {
		return n
	}
	return x.notes.Load()
}

// outer returns the exchange of the next monitor further out, nil if there is none.
func (x *exchange) outer() *exchange {
	if n := x.notes.Load(); n != nil {
		return n.outer
	}
	return nil
}

// SetUser sets the user who made the request. w is the handler's ResponseWriter, or
// one that leads to it by Unwrap; where there is neither, use SetUserContext. It may
// be called from a handler or a middleware further in, and the last call counts.
// Control characters are replaced, and what is longer than 255 bytes is cut.
//
// SetUser reports whether it found a request that a Monitor is going to record.
func SetUser(w http.ResponseWriter, user string) bool { return inWriter(w).setUser(user) }

// SetUserContext is SetUser for code that has the request's context, or one
// derived from it.
func SetUserContext(ctx context.Context, user string) bool { return inContext(ctx).setUser(user) }

// SetRoute names the request's route, as in "/users/{id}", where the router does
// not. It must be a template: a raw path would make an endpoint of each. The
// spellings of other routers, such as "/users/:id", are understood. It finds the
// request and reports as SetUser does.
func SetRoute(w http.ResponseWriter, route string) bool { return inWriter(w).setRoute(route) }

// SetRouteContext is SetRoute for code that has the request's context.
func SetRouteContext(ctx context.Context, route string) bool { return inContext(ctx).setRoute(route) }

// SetError names the class of what went wrong, such as "sql.ErrConnDone" or an
// exception's name: a short text of at most 100 bytes that many requests share.
// It does not make the request a failed one, which the status decides. It finds
// the request and reports as SetUser does.
func SetError(w http.ResponseWriter, class string) bool { return inWriter(w).setError(class) }

// SetErrorContext is SetError for code that has the request's context.
func SetErrorContext(ctx context.Context, class string) bool { return inContext(ctx).setError(class) }

// SetStream declares the response a stream, which counts by its first byte, with
// its lifetime beside it. Event streams, upgraded connections, gRPC streams, and
// NDJSON, JSON sequences and multipart bodies that are flushed on the way are
// recognized as such without it. It finds the request and reports as SetUser does.
func SetStream(w http.ResponseWriter) bool { return inWriter(w).setFlags(flagStream) }

// SetStreamContext is SetStream for code that has the request's context.
func SetStreamContext(ctx context.Context) bool { return inContext(ctx).setFlags(flagStream) }

// Ignore leaves the request out of what is recorded; Stats.Ignored counts it. It
// finds the request and reports as SetUser does.
func Ignore(w http.ResponseWriter) bool { return inWriter(w).setFlags(flagIgnored) }

// IgnoreContext is Ignore for code that has the request's context.
func IgnoreContext(ctx context.Context) bool { return inContext(ctx).setFlags(flagIgnored) }

func (x *exchange) setUser(user string) bool {
	return x.set(func(n *notes) *string { return &n.user }, user, wire.MaxUser)
}

func (x *exchange) setRoute(route string) bool {
	return x.set(func(n *notes) *string { return &n.route }, route, wire.MaxEndpoint)
}

func (x *exchange) setError(class string) bool {
	return x.set(func(n *notes) *string { return &n.class }, class, wire.MaxError)
}

// set notes a text for x and the monitors further out. It reports whether there is x.
func (x *exchange) set(field func(*notes) *string, text string, limit int) bool {
	text = x.own(text, limit)
	for o := x; o != nil; o = o.outer() {
		n := o.note()
		n.mu.Lock()
		*field(n) = text
		n.mu.Unlock()
	}
	return x != nil
}

func (x *exchange) setFlags(flags uint32) bool {
	for o := x; o != nil; o = o.outer() {
		o.state.Or(flags)
	}
	return x != nil
}

// own is short for a text that is kept until the request is recorded. Outside of
// net/http it may lie in memory that the server uses again before that.
func (x *exchange) own(s string, limit int) string {
	s = short(s, limit)
	if x != nil && x.request == nil {
		s = strings.Clone(s)
	}
	return s
}

// short cuts a text that would not fit into a record. Cleaning the others is
// left to the collector.
func short(s string, limit int) string {
	if len(s) > limit {
		return wire.Clean(s, limit)
	}
	return s
}
