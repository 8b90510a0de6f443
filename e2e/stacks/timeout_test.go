package stacks

import (
	"errors"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"
)

// inTime is for the app in http.TimeoutHandler, whose writer does not flush and
// cannot be taken over.
var inTime = map[string]expected{
	"takeover":             {},
	"takeover, then write": {},
	"abort":                {status: 500},
}

// inTimeInside is inTime where Kymo sees the handler's own header.
var inTimeInside = map[string]expected{
	"takeover":             {},
	"takeover, then write": {},
}

func TestTimeoutHandlerInTime(t *testing.T) {
	w := software{name: "TimeoutHandler", copies: true, defers: true, inside: inTimeInside, stack: stack{hides: always, expect: inTime},
		wrap: func(_ *env, next http.Handler) http.Handler { return http.TimeoutHandler(next, time.Minute, "late") }}
	run(t, w.places()...)
}

// slow waits until its time is over, and then answers.
func (e *env) slow() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow/{id}", func(w http.ResponseWriter, r *http.Request) {
		e.work.Add(1)
		defer e.work.Done()
		e.seeWriter(w, r)
		e.sayUser(w, r)
		if r.PathValue("id") == "begun" {
			w.WriteHeader(http.StatusAccepted)
			n, err := io.WriteString(w, "begun")
			e.seef(r, "wrote %d, %v", n, err)
		}
		<-r.Context().Done()
		for { // until http.TimeoutHandler has noticed, too
			if _, err := w.Write(nil); err != nil {
				break
			}
			runtime.Gosched()
		}
		n, err := io.WriteString(w, "too late")
		e.seef(r, "wrote %d, %v, %v; context %v", n, err, errors.Is(err, http.ErrHandlerTimeout), r.Context().Err())
	})
	return mux
}

func TestTimeoutHandlerLate(t *testing.T) {
	late := func(h http.Handler) http.Handler { return http.TimeoutHandler(h, 400*time.Millisecond, "late") }
	requests := func(want expected) []*request {
		want.endpoint, want.status = "/slow/{id}", 503
		var all []*request
		for _, id := range []string{"silent", "begun"} {
			all = append(all, &request{name: id, method: "GET", path: "/slow/" + id, want: want})
		}
		return all
	}
	run(t,
		&stack{name: "outside", unrouted: true, hides: always, requests: requests(expected{}),
			build: func(e *env) http.Handler { return e.kymo(late(e.slow())) }},
		&stack{name: "inside", requests: requests(expected{untimed: true}),
			build: func(e *env) http.Handler { return e.outer(late(e.kymo(e.slow()))) }},
		&stack{name: "twice", requests: requests(expected{}),
			build: func(e *env) http.Handler { return e.kymo(late(e.kymo(e.slow()))) }},
		&stack{name: "twice, below a middleware", requests: requests(expected{}),
			build: func(e *env) http.Handler { return e.outer(e.kymo(late(e.kymo(e.slow())))) }},
	)
}
