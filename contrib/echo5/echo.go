// Package kymoecho records the requests of Echo v5 in Kymo:
//
//	e := echo.New()
//	e.Use(kymoecho.Middleware(m)) // before other middlewares, so that their time counts too
//
// If a handler returns an error, Echo's HTTPErrorHandler responds to it after all
// middlewares have returned; the status that it writes is recorded. The adapter for
// Echo v4 is github.com/kymohq/kymo/contrib/echo.
package kymoecho

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v5"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware for Echo.Use, Echo.Pre or Group.Use that records
// requests for m. The endpoint is the path of the route that matched, such as
// "/users/{id}" for "/users/:id".
func Middleware(m *kymo.Monitor) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			v := &visit{m: m, c: c, request: c.Request()}
			v.response, _ = echo.UnwrapResponse(c.Response())
			v.below = v.writer()
			// Echo leaves the path that it routed by in the request, also if no route
			// matched. Kymo would take it for one of a router further out.
			if v.seen = v.request.Pattern; v.seen == c.Path() {
				v.request.Pattern = ""
			}
			defer func() { v.request.Pattern = v.seen }()
			m.Serve(v.below, v.request, func(w http.ResponseWriter, r *http.Request) {
				v.kymo = w
				err = v.serve(next, r)
			})
			return err
		}
	}
}

// visit is a request in the middleware.
type visit struct {
	m        *kymo.Monitor
	c        *echo.Context
	response *echo.Response      // nil if a middleware's own hides it
	below    http.ResponseWriter // what the response is written to without Kymo
	kymo     http.ResponseWriter
	request  *http.Request // as it came
	seen     string        // its pattern, as those further out see it
}

// writer returns what the response is written to.
func (v *visit) writer() http.ResponseWriter {
	if v.response == nil {
		return v.c.Response()
	}
	return v.response.ResponseWriter
}

// setWriter replaces it.
func (v *visit) setWriter(w http.ResponseWriter) {
	if v.response == nil {
		v.c.SetResponse(w)
	} else {
		v.response.ResponseWriter = w
	}
}

// open reports whether Echo can still answer an error.
func (v *visit) open() bool { return v.response != nil && !v.response.Committed }

// serve runs the handlers with Kymo's writer below Echo's response.
func (v *visit) serve(next echo.HandlerFunc, r *http.Request) (err error) {
	before := r.Pattern
	r.Pattern = v.seen
	v.setWriter(v.kymo)
	v.c.SetRequest(r)
	open := false
	defer func() {
		if v.c.Request() == r {
			v.c.SetRequest(v.request)
		}
		switch {
		case !isRoute(v.c.RouteInfo()):
			r.Pattern = before
		case r.Pattern == "" || r.Pattern == before:
			r.Pattern = v.c.Path() // a middleware has replaced the request
		}
		v.seen = r.Pattern
		// The error handler is going to write to the response, which Kymo must see.
		if same(v.writer(), v.kymo) && !open {
			v.setWriter(v.below)
		}
	}()
	err = next(v.c)
	open = v.open()
	v.expect(err, r)
	return err
}

// isRoute reports whether Echo found a route, and not what it has for requests that
// match none.
func isRoute(info echo.RouteInfo) bool {
	return info.Method != "" && info.Method != echo.RouteNotFound
}

// expect tells Kymo the status that Echo's own error handler is going to write, for when
// Kymo cannot wait for it. If another status is written, that one counts.
func (v *visit) expect(err error, r *http.Request) {
	if err == nil || !v.open() || r.Context().Err() != nil || same(v.kymo, v.below) {
		return
	}
	_, x := v.m.Begin(r.Context())
	x.End(kymo.Request{Status: status(err)})
}

// same reports whether two writers are the same one. Those that cannot be compared
// are not.
func same(a, b http.ResponseWriter) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// status returns the status that Echo's own error handler writes for an error.
func status(err error) int {
	if code := echo.StatusCode(err); code != 0 {
		return code
	}
	return http.StatusInternalServerError
}
