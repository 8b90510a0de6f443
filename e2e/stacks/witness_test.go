package stacks

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo"
)

// caseHeader names the request that a handler serves.
const (
	caseHeader = "X-Case"
	userHeader = "X-User"
)

// witness keeps what handlers and middlewares see, by request.
type witness struct {
	mu    sync.Mutex
	saw   map[string][]string
	wrong []string // what is wrong whatever else was seen
}

func (e *env) seef(r *http.Request, format string, args ...any) {
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	name := r.Header.Get(caseHeader)
	e.seen.saw[name] = append(e.seen.saw[name], fmt.Sprintf(format, args...))
}

// seeWrittenf is seef for how much was written. What net/http says of the body of a
// response to HEAD over HTTP/2 differs from time to time: its stream is closed.
func (e *env) seeWrittenf(r *http.Request, format string, args ...any) {
	if r.Method != http.MethodHead || r.ProtoMajor != 2 {
		e.seef(r, format, args...)
	}
}

func (e *env) wrongf(format string, args ...any) {
	e.seen.mu.Lock()
	defer e.seen.mu.Unlock()
	if len(e.seen.wrong) < 10 {
		e.seen.wrong = append(e.seen.wrong, fmt.Sprintf(format, args...))
	}
}

// seeWriter notes what the writer can do.
func (e *env) seeWriter(w http.ResponseWriter, r *http.Request) {
	var has []string
	for _, c := range []struct {
		name string
		ok   bool
	}{
		{"Flusher", is[http.Flusher](w)}, {"Hijacker", is[http.Hijacker](w)}, {"ReaderFrom", is[io.ReaderFrom](w)},
		{"CloseNotifier", is[interface{ CloseNotify() <-chan bool }](w)}, {"Pusher", is[http.Pusher](w)},
		{"StringWriter", is[io.StringWriter](w)},
	} {
		if c.ok {
			has = append(has, c.name)
		}
	}
	c := http.NewResponseController(w)
	_, deadline := r.Context().Deadline()
	e.seef(r, "writer has %s; deadlines %v, %v; request %s %s %q %s, pattern %q, deadline %v, context %v",
		strings.Join(has, " "), c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}),
		r.Method, r.URL, r.RequestURI, r.Proto, r.Pattern, deadline, r.Context().Err())
}

func is[T any](v any) bool {
	_, ok := v.(T)
	return ok
}

// sayUser names the user, by the writer or by the context: the last call counts.
func (e *env) sayUser(w http.ResponseWriter, r *http.Request) {
	user := r.Header.Get(userHeader)
	if user == "" || e.m == nil {
		return
	}
	byWriter := func(user string) {
		if ok := kymo.SetUser(w, user); ok == e.s.hides.of(r) {
			e.wrongf("%s: SetUser returned %v", r.URL, ok)
		}
	}
	byContext := func(user string) {
		if !kymo.SetUserContext(r.Context(), user) {
			e.wrongf("%s: SetUserContext found no request", r.URL)
		}
	}
	if e.s.hides.of(r) || r.Method == http.MethodPost {
		byWriter("not " + user)
		byContext(user)
		return
	}
	byContext("not " + user)
	byWriter(user)
}

// hiding reports for which requests a writer leads nowhere by Unwrap, so that
// only the context finds the request; for none if it is nil.
type hiding func(*http.Request) bool

func (h hiding) of(r *http.Request) bool { return h != nil && h(r) }

// always and zipped are hidings.
func always(*http.Request) bool   { return true }
func zipped(r *http.Request) bool { return r.Header.Get("Accept-Encoding") == "gzip" }

// outer is a middleware that notes what one sees from outside: panics, and what
// became of the request and the header.
func (e *env) outer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.work.Add(1)
		defer e.work.Done()
		e.seeWriter(w, r)
		defer func() {
			v := recover()
			h := w.Header().Clone()
			h.Del("X-Response-Time")
			h.Del("Date")
			names := make([]string, 0, len(h))
			for name := range h {
				names = append(names, name)
			}
			e.seef(r, "outside: panic %v; pattern %q, path %q, form %v, %d fields", v, r.Pattern, r.URL.Path, r.Form, len(names))
			if v != nil {
				panic(v)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
