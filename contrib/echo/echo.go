// Package kymoecho records the requests of Echo v4 in Kymo:
//
//	e := echo.New()
//	e.Use(kymoecho.Middleware(m)) // before other middlewares, so that their time counts too
//
// If a handler returns an error, Echo's HTTPErrorHandler responds to it after all
// middlewares have returned; the status that it writes is recorded. The adapter for
// Echo v5 is github.com/kymohq/kymo/contrib/echo5.
package kymoecho

import (
	"net/http"
	"reflect"

	"github.com/labstack/echo/v4"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware for Echo.Use, Echo.Pre or Group.Use that records
// requests for m. The endpoint is the path of the route that matched, such as
// "/users/{id}" for "/users/:id".
func Middleware(m *kymo.Monitor) echo.MiddlewareFunc {
	known := new(routes)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			response, request := c.Response(), c.Request()
			below := response.Writer
			m.Serve(below, request, func(w http.ResponseWriter, r *http.Request) {
				v := &visit{m: m, c: c, known: known, response: response, below: below, kymo: w, request: request}
				err = v.serve(next, r)
			})
			return err
		}
	}
}

// visit is a request in the middleware.
type visit struct {
	m        *kymo.Monitor
	c        echo.Context
	known    *routes
	response *echo.Response
	below    http.ResponseWriter // what the response is written to without Kymo
	kymo     http.ResponseWriter
	request  *http.Request // as it came
}

// serve runs the handlers with Kymo's writer below Echo's response.
func (v *visit) serve(next echo.HandlerFunc, r *http.Request) (err error) {
	before, ctx := r.Pattern, v.request.Context()
	route := v.known.of(v.c)
	if route != "" {
		r.Pattern = route
	}
	within := r
	if v.c.Path() == "" {
		// With Pre, Echo is going to route the request that came, which middlewares
		// may have changed until then. So it must be the one that they get.
		within = v.request
		*within = *r
	}
	v.response.Writer = v.kymo
	v.c.SetRequest(within)
	open := false
	defer func() {
		if v.c.Request() == within {
			v.c.SetRequest(v.request)
		}
		if within != r {
			*r = *within
			*within = *within.WithContext(ctx)
		}
		if route == "" && r.Pattern == before {
			if route = v.known.of(v.c); route != "" {
				r.Pattern = route
			}
		}
		// The error handler is going to write to the response, which Kymo must see.
		if same(v.response.Writer, v.kymo) && !open {
			v.response.Writer = v.below
		}
	}()
	err = next(v.c)
	open = !v.response.Committed
	v.expect(err, within)
	return err
}

// expect tells Kymo the status that Echo's own error handler is going to write, for when
// Kymo cannot wait for it. If another status is written, that one counts.
func (v *visit) expect(err error, r *http.Request) {
	if err == nil || v.response.Committed || r.Context().Err() != nil || same(v.kymo, v.below) {
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
	answer, ok := err.(*echo.HTTPError) //nolint:errorlint // as in Echo, which does not unwrap
	if !ok {
		return http.StatusInternalServerError
	}
	if within, ok := answer.Internal.(*echo.HTTPError); ok { //nolint:errorlint // as above
		answer = within
	}
	return answer.Code
}
