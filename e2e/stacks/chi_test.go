package stacks

//lint:file-ignore SA1019 RealIP is deprecated, and in use

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

type chiMiddlewares = []func(http.Handler) http.Handler

// newChi returns a router with the app.
func (e *env) newChi(use ...func(http.Handler) http.Handler) *chi.Mux {
	r := chi.NewRouter()
	r.Use(use...)
	e.each(func(method, pattern string, h http.HandlerFunc) { r.Method(method, pattern, h) })
	return r
}

// chiUsual are the middlewares of a usual service.
func (e *env) chiUsual() chiMiddlewares {
	return chiMiddlewares{
		middleware.RequestID, middleware.RealIP, middleware.RequestLogger(chiLog{e}), middleware.Recoverer,
		middleware.StripSlashes, middleware.Timeout(time.Minute), middleware.Compress(5, "text/plain", "application/json"),
	}
}

// chiLog notes what chi's Logger and Recoverer would write.
type chiLog struct{ e *env }

func (l chiLog) NewLogEntry(r *http.Request) middleware.LogEntry { return chiEntry{l.e, r} }

type chiEntry struct {
	e *env
	r *http.Request
}

func (l chiEntry) Write(status, bytes int, _ http.Header, _ time.Duration, _ any) {
	l.e.seeWrittenf(l.r, "logged %d, %d bytes, from %q", status, bytes, addresses.ReplaceAllString(l.r.RemoteAddr, "…"))
}

func (l chiEntry) Panic(v any, _ []byte) { l.e.seef(l.r, "logged panic %v", v) }

// mountOnly is for where a mount has matched, and nothing within it.
var mountOnly = map[string]expected{
	"absent":      {endpoint: "/{path...}", anonymous: true},
	"not allowed": {endpoint: "/{path...}", anonymous: true},
}

// recoveredOutside is for where chi recovers from a panic but takes the header
// for written: Kymo records what it saw, and the client gets 200.
var recoveredOutside = map[string]expected{"invalid": {status: 500}}

// allow is a field whose values chi has in any order.
var allow = regexp.MustCompile(`^Allow: .*`)

func TestChi(t *testing.T) {
	slash := []*request{{name: "slash", method: "GET", path: "/users/7/", header: []string{"X-Real-Ip", "192.0.2.7"}, want: expected{endpoint: "/users/{id}"}}}
	all := []*stack{
		{name: "around", unrouted: true, build: func(e *env) http.Handler { return e.kymo(e.newChi()) }},
		{name: "Use", build: func(e *env) http.Handler { return e.outer(e.newChi(e.kymo)) }},
		{name: "With", expect: routedOnly, build: func(e *env) http.Handler {
			r := chi.NewRouter()
			e.each(func(method, pattern string, h http.HandlerFunc) { r.With(e.kymo).Method(method, pattern, h) })
			return e.outer(r)
		}},
		{name: "Use before the usual", unrouted: true, also: slash, build: func(e *env) http.Handler {
			return e.newChi(append(chiMiddlewares{e.kymo}, e.chiUsual()...)...)
		}},
		{name: "Use after the usual", expect: recoveredOutside, also: slash, build: func(e *env) http.Handler {
			return e.newChi(append(e.chiUsual(), e.kymo)...)
		}},
		{name: "around the usual", unrouted: true, also: slash, build: func(e *env) http.Handler { return e.kymo(e.newChi(e.chiUsual()...)) }},
		{name: "around the usual and last", also: slash, build: func(e *env) http.Handler {
			return e.kymo(e.newChi(append(e.chiUsual(), e.kymo)...))
		}},
		{name: "mounted", expect: mountOnly, build: func(e *env) http.Handler {
			r := chi.NewRouter()
			r.Use(e.kymo)
			r.Mount("/", e.newChi())
			return r
		}},
	}
	for i, name := range []string{"RequestID", "RealIP", "Logger", "Recoverer", "StripSlashes", "Timeout", "Compress"} {
		all = append(all, &stack{name: "between " + name + " and " + name, build: func(e *env) http.Handler {
			mw, logger := e.chiUsual()[i], e.chiUsual()[2]
			return e.outer(logger(mw(e.kymo(mw(e.kymo(e.mux()))))))
		}})
		if name == "Recoverer" {
			all[len(all)-1].expect = recoveredOutside
		}
	}
	for _, s := range all {
		s.random = append(s.random, allow)
	}
	run(t, all...)
}
