package kymo

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
)

// clientLeft reports whether the context of a request whose header is not yet written
// was canceled because its client disconnected, rather than by a server that ends all
// contexts. It must be called before the handler returns, and never waits.
func (w *writer) clientLeft() bool {
	//nolint:errorlint // a cause that wraps context.Canceled is not a client that left
	if w.parent.Err() != context.Canceled || context.Cause(w.parent) != context.Canceled {
		return false
	}
	if w.state.Load()&flagSure != 0 {
		return true
	}
	srv, _ := w.parent.Value(http.ServerContextKey).(*http.Server)
	if srv == nil || srv.BaseContext == nil && srv.ConnContext == nil {
		return true // there is nothing that a server could end
	}
	own := serverWriter(w.below)
	if own == nil {
		return true // there is no better evidence than the context
	}
	// The server's writer knows: if the client has left, its channel gets a value shortly
	// after the context was canceled. For HTTP/2, a goroutine sends it.
	left, ok := notified(own)
	for range 10 {
		if !ok || len(left) > 0 {
			return true
		}
		runtime.Gosched()
	}
	return false
}

// notified returns own's channel. It reports false if the server has finished
// with the response, which makes CloseNotify panic.
func notified(own closeNotifier) (left <-chan bool, ok bool) {
	defer func() { _ = recover() }()
	return own.CloseNotify(), true
}

// serverWriter returns net/http's writer at or below rw, or nil if there is none.
func serverWriter(rw http.ResponseWriter) closeNotifier {
	for range maxChain {
		if isServerWriter(rw) {
			own, _ := rw.(closeNotifier)
			return own
		}
		u, ok := rw.(unwrapper)
		if !ok {
			return nil
		}
		rw = u.Unwrap()
	}
	return nil
}

// isServerWriter reports whether rw is the writer of a net/http server.
func isServerWriter(rw http.ResponseWriter) bool {
	switch typeName(rw) {
	case "net/http.response", "net/http.http2responseWriter",
		"net/http/internal/http2.responseWriter", "golang.org/x/net/http2.responseWriter":
		return true
	}
	return false
}

// typeName returns the name of the type that rw points to, with its package's path.
func typeName(rw http.ResponseWriter) string {
	t := reflect.TypeOf(rw)
	if t == nil || t.Kind() != reflect.Pointer {
		return ""
	}
	return t.Elem().PkgPath() + "." + t.Elem().Name()
}

// gaveUp reports whether rw is http.TimeoutHandler's, which has answered with
// 503 itself.
func gaveUp(ctx context.Context, rw http.ResponseWriter) bool {
	return ctx.Err() == context.DeadlineExceeded && typeName(rw) == "net/http.timeoutWriter"
}
