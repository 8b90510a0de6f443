package kymo

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

// notes holds what only few requests need: what handlers set by SetUser and the like,
// and what middlewares further in found.
type notes struct {
	outer  *exchange // of the next monitor further out
	joined *exchange // the exchange that this one stands for; nil if it stands for itself

	mu      sync.Mutex
	user    string
	route   string // as set by SetRoute
	class   string // of the error, as set by SetError
	pattern string // as a middleware further in found it
	likely  string // what pattern will be once the handler returns
	status  int    // as an adapter set it, 0 if none did
	level   level  // of the innermost middleware; zero for the outermost
	frames  frames
	late    *late
}

// note returns the exchange's notes, which it creates if there are none.
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

// SetUser sets the user who made the request, at most 255 bytes. Longer names are cut,
// and control characters are replaced. w is the handler's ResponseWriter, or one
// that leads to it by Unwrap; use SetUserContext if there is neither. Handlers and
// middlewares further in may call SetUser; the last call counts.
//
// SetUser reports whether w leads to a request that a Monitor is going to record.
func SetUser(w http.ResponseWriter, user string) bool { return inWriter(w).setUser(user) }

// SetUserContext is SetUser for code that has the request's context, or one
// derived from it.
func SetUserContext(ctx context.Context, user string) bool { return inContext(ctx).setUser(user) }

// SetRoute sets the request's route, such as "/users/{id}", if the router does not
// reveal it. route must be a template: every raw path would become an endpoint of its
// own. The spellings of other routers, such as "/users/:id", are understood. SetRoute
// finds the request and reports as SetUser does.
func SetRoute(w http.ResponseWriter, route string) bool { return inWriter(w).setRoute(route) }

// SetRouteContext is SetRoute for code that has the request's context.
func SetRouteContext(ctx context.Context, route string) bool { return inContext(ctx).setRoute(route) }

// SetError sets the class of the request's error, such as "sql.ErrConnDone" or the
// name of an exception: a text of at most 100 bytes that many requests share. It does
// not make the request count as an error; its status decides that. SetError finds
// the request and reports as SetUser does.
func SetError(w http.ResponseWriter, class string) bool { return inWriter(w).setError(class) }

// SetErrorContext is SetError for code that has the request's context.
func SetErrorContext(ctx context.Context, class string) bool { return inContext(ctx).setError(class) }

// SetStream marks the response as a stream: its duration is the time to its first
// byte, and its lifetime is kept as well. Event streams, upgraded connections,
// streaming calls, and NDJSON, JSON sequences and multipart bodies that are flushed
// while they are written are recognized without it. SetStream finds the request and
// reports as SetUser does.
func SetStream(w http.ResponseWriter) bool { return inWriter(w).setFlags(flagStream) }

// SetStreamContext is SetStream for code that has the request's context.
func SetStreamContext(ctx context.Context) bool { return inContext(ctx).setFlags(flagStream) }

// Ignore keeps the request from being recorded; Stats.Ignored counts it. Ignore finds
// the request and reports as SetUser does.
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

// set sets a text of x, and of the exchanges of other monitors further out. It
// reports whether there is an x.
func (x *exchange) set(field func(*notes) *string, text string, limit int) bool {
	text = x.retain(text, limit)
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

// retain clips a text that is kept until the request is recorded. Outside of net/http
// it is copied, since the server may reuse the memory before that.
func (x *exchange) retain(s string, limit int) string {
	s = clip(s, limit)
	if x != nil && x.request == nil {
		s = strings.Clone(s)
	}
	return s
}

// clip cuts a text that is too long for a record. The collector cleans the others.
func clip(s string, limit int) string {
	if len(s) > limit {
		return wire.Clean(s, limit)
	}
	return s
}
