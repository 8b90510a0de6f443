// Package kymogin records the requests of gin engines in Kymo:
//
//	engine := gin.Default()
//	engine.Use(kymogin.Middleware(m)) // before other middlewares, so that their time counts too
//
// Gin's writer holds back the status until something is written. So handlers get a
// writer above it, and Kymo's is between the two:
//
//	handlers → writer → Kymo's → written → gin's
//
// A status that is only set goes straight to gin's writer. What is sent passes through
// all of them, beginning with the header and the status at that time.
package kymogin

import (
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware that records requests for m. The endpoint is the path
// of the route that matched, such as "/users/{id}" for "/users/:id".
//
// If a middleware further out writes the response afterwards, for example for an error
// in c.Errors, the status that it writes is recorded. If it only calls c.Status and
// writes nothing, that status is not seen.
func Middleware(m *kymo.Monitor) gin.HandlerFunc {
	return func(c *gin.Context) {
		below := &written{c.Writer}
		m.Serve(below, c.Request, func(w http.ResponseWriter, r *http.Request) {
			if path := c.FullPath(); path != "" {
				r.Pattern = path
			}
			v := &visit{m: m, c: c, below: below, kymo: w, request: c.Request, late: c.Writer.Written()}
			v.serve(r)
		})
	}
}

// visit is a request in the middleware.
type visit struct {
	m       *kymo.Monitor
	c       *gin.Context
	below   *written
	kymo    http.ResponseWriter
	request *http.Request // as it came
	late    bool          // the header was written before
}

// serve runs the handlers with a writer and a request of Kymo's.
func (v *visit) serve(r *http.Request) {
	c, given := v.c, v.below.ResponseWriter
	w := &writer{ResponseWriter: given, kymo: v.kymo}
	c.Writer, c.Request = w, r
	returned := false
	defer func() {
		if c.Request == r {
			c.Request = v.request
		}
		open := returned && v.expect(r)
		// Middlewares further out may still write the response, which Kymo must see.
		// Only gin's own writer can stay hidden, since its type has no name outside of gin.
		if c.Writer == gin.ResponseWriter(w) && !(open && reflect.TypeOf(given) == ginsOwn) {
			c.Writer = given
		}
	}()
	c.Next()
	returned = true
}

// ginsOwn is the type of the writer that gin makes.
var ginsOwn = reflect.TypeOf(new(gin.Context).Copy().Writer)

// expect tells Kymo the status that gin is about to send, if it is still open, and
// reports whether it is.
func (v *visit) expect(r *http.Request) bool {
	if v.kymo == http.ResponseWriter(v.below) {
		return false // a middleware further out sees it being sent
	}
	given := v.below.ResponseWriter
	open := !given.Written()
	if status := given.Status(); (open || v.late) && status != http.StatusOK && r.Context().Err() == nil {
		_, x := v.m.Begin(r.Context())
		x.End(kymo.Request{Status: status})
	}
	return open
}

// written is gin's writer for Kymo: WriteHeader writes the header.
type written struct{ gin.ResponseWriter }

func (w *written) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	w.ResponseWriter.WriteHeaderNow()
}

// Unwrap returns gin's writer.
func (w *written) Unwrap() http.ResponseWriter { return w.ResponseWriter }
