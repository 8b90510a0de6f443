package webserver

import (
	"net/http"
	"time"
)

// Guard returns a handler that does what next does, and waits for no client without
// a limit: neither for a body, whether next reads it or not, nor until an answer is
// taken. net/http has deadlines for both, but only for a whole request, which would
// cut off long answers and slow uploads that make progress.
//
// It works through http.ResponseController, so it holds in any server of net/http. A
// middleware whose ResponseWriter has no Unwrap takes its effect away. In HTTP/2, a
// client that stops to receive altogether is the server's to notice:
// http.HTTP2Config.WriteByteTimeout.
func Guard(next http.Handler, limits Limits) http.Handler {
	l := limits.withDefaults()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &Answer{ResponseWriter: w, control: http.NewResponseController(w), limits: l}
		// The server's own WriteTimeout holds for all of an answer; ours for each piece.
		_ = a.control.SetWriteDeadline(time.Time{})
		if r.Body != nil && r.Body != http.NoBody {
			a.body = newBody(r, a.control, l)
			// A copy: net/http goes by the type of the body that it made.
			r = r.WithContext(r.Context())
			r.Body = a.body
		}
		returned := false
		defer func() { a.leave(returned) }()
		next.ServeHTTP(a, r)
		returned = true
	})
}
