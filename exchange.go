package kymo

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// exchange is a request and its response on their way through a monitor. Each request
// has its own, which is never reused: handlers, the goroutines they start and the
// contexts they derive may keep it for as long as they like.
//
// What changes after it was made is atomic or behind the lock of notes, since a
// handler that http.TimeoutHandler has given up may still be writing.
type exchange struct {
	m       *Monitor
	parent  context.Context // of the request as it arrived
	request *http.Request   // as the handler has it; nil outside of net/http
	start   int64           // nanoseconds since the monitor's base

	first int64        // nanoseconds from start to the response header, once flagHeaded is set
	size  atomic.Int64 // bytes of the body that were written
	state atomic.Uint32
	notes atomic.Pointer[notes] // nil for most requests
}

// The bits of exchange.state: the final status, which is 0 until the header is
// written, and flags.
const statusBits = 1<<10 - 1

const (
	flagHeaded    = 1 << (iota + 10) // our headers were added, if there is a status
	flagStream                       // its duration is the time to its first byte
	flagParts                        // it is a stream if it is written to after a flush
	flagFlushed                      // it was flushed, and has flagParts
	flagFramed                       // its body has the frames of a remote procedure call
	flagHijacked                     // the connection was taken over
	flagInformed                     // an informational status was written
	flagUnwrapped                    // Unwrap was called
	flagSure                         // only a client that disconnects cancels the context
	flagGone                         // the client disconnected before the header
	flagFailed                       // a write to the client failed
	flagTimedOut                     // http.TimeoutHandler has answered instead
	flagProbe                        // it asks for the service's health
	flagIgnored                      // it must not be recorded
	flagReturned                     // the handler has returned
	flagDone                         // it was recorded, or never will be
)

// over reports whether the request was recorded, or never will be.
func (x *exchange) over() bool { return x.state.Load()&flagDone != 0 }

// commit makes status the final one, unless there is one already or the handler
// has returned. It reports whether it did; the caller then sets flagHeaded.
func (x *exchange) commit(status int) bool {
	for {
		s := x.state.Load()
		if s&(statusBits|flagReturned) != 0 {
			return false
		}
		if x.state.CompareAndSwap(s, s|uint32(status)&statusBits) {
			x.first = x.m.now() - x.start
			return true
		}
	}
}

// server returns the server that gave the request to h directly, so that no
// other code has it yet; nil if it came another way.
func (h *handler) server(ctx context.Context) *http.Server {
	srv, ok := ctx.Value(http.ServerContextKey).(*http.Server)
	if !ok || srv.Handler != http.Handler(h) {
		return nil
	}
	return srv
}

// requestContext is the context that the request arrived with, in which its exchange
// can also be found.
type requestContext struct{ x *exchange }

// contextKey is the key of the innermost exchange in a context.
type contextKey struct{}

func (c requestContext) Deadline() (time.Time, bool) { return c.x.parent.Deadline() }
func (c requestContext) Done() <-chan struct{}       { return c.x.parent.Done() }
func (c requestContext) Err() error                  { return c.x.parent.Err() }

func (c requestContext) Value(key any) any {
	if _, ok := key.(contextKey); ok {
		return c.x
	}
	return c.x.parent.Value(key)
}

// inContext returns the innermost exchange of ctx that is not over, or nil if there is
// none.
func inContext(ctx context.Context) *exchange {
	if ctx == nil {
		return nil
	}
	for {
		x, _ := ctx.Value(contextKey{}).(*exchange)
		if x == nil || !x.over() {
			return x
		}
		ctx = x.parent
	}
}

// inWriter returns the exchange of the nearest of our writers at rw or within it, or
// nil if there is none or it is over.
func inWriter(rw http.ResponseWriter) *exchange {
	// A chain without an end is someone else's bug, and must not make us hang.
	for range maxChain {
		if w, ok := rw.(interface{ monitored() *exchange }); ok {
			if x := w.monitored(); !x.over() {
				return x
			}
		}
		u, ok := rw.(unwrapper)
		if !ok {
			return nil
		}
		rw = u.Unwrap()
	}
	return nil
}

const maxChain = 64

type unwrapper interface{ Unwrap() http.ResponseWriter }
