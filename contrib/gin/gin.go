// Package kymogin records the requests of gin engines in Kymo:
//
//	engine := gin.Default()
//	engine.Use(kymogin.Middleware(m)) // before other middlewares, so that theirs count, too
//
// Gin keeps a status to itself until something is written, so the writer that
// handlers get stands between them and gin's, and Kymo's is in the middle:
//
//	handlers → writer → Kymo's → written → gin's
//
// A status that is only set goes straight to gin's. What is sent takes the whole
// way, the header first, with the status that it then has.
package kymogin

import (
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/kymohq/kymo"
)

// Middleware returns a middleware that records requests with the path of the route
// that matched, as in "/users/{id}" for "/users/:id".
//
// A response that a middleware further out writes afterwards, for an error in
// c.Errors for example, is recorded as such. One to which it only gives another
// status by c.Status, and writes nothing, is not.
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

// serve lets the handlers run with a writer and a request of Kymo's.
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
		// Middlewares further out may still write an answer: Kymo has to hear of it.
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
