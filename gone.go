package kymo

import (
	"context"
	"net/http"
	"reflect"
	"runtime"
	"time"
)

// clientLeft reports whether the context of a request was canceled because its
// client went away, as opposed to a server that ends the contexts of all
// requests when it shuts down. It is to be called before the handler returns.
func clientLeft(ctx context.Context, rw http.ResponseWriter) bool {
	if ctx.Err() != context.Canceled || context.Cause(ctx) != context.Canceled {
		return false
	}
	own := ownWriter(rw)
	if own == nil {
		return true // there is no better evidence than the context
	}
	// The server's writer knows: its channel has a value if the client has left.
	// It is put there after the context was canceled, for HTTP/2 by a goroutine of
	// its own. The value itself is the handler's.
	left := own.CloseNotify()
	for i := range 10 + leaving {
		if len(left) > 0 {
			return true
		}
		if i < 10 {
			runtime.Gosched()
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	return false
}

// leaving bounds in milliseconds how long the evidence that a client left may
// take, on a machine that is busy. A server that ends the contexts of its requests
// itself waits that long.
const leaving = 20

// ownWriter returns net/http's writer at or below rw, nil if there is none.
func ownWriter(rw http.ResponseWriter) closeNotifier {
	for range maxChain {
		switch typeName(rw) {
		case "net/http.response", "net/http.http2responseWriter",
			"net/http/internal/http2.responseWriter", "golang.org/x/net/http2.responseWriter":
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
