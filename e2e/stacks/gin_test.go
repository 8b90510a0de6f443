package stacks

import (
	"io"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/kymohq/kymo"
)

func init() {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard
}

func ginRequests() []*request {
	return []*request{
		{name: "count", method: "GET", path: "/count", want: expected{endpoint: "/count"}},
		{name: "json", method: "GET", path: "/json/7", want: expected{endpoint: "/json/{id}"}},
		{name: "refused", method: "GET", path: "/refused", want: expected{endpoint: "/refused"}},
	}
}

// newGin returns an engine with the app and what Gin's own handlers do.
func (e *env) newGin(wrap func(http.Handler) http.Handler, use ...gin.HandlerFunc) *gin.Engine {
	v := gin.New()
	v.Use(use...)
	e.each(func(method, pattern string, h http.HandlerFunc) {
		v.Handle(method, colon(pattern), gin.WrapH(wrap(h)))
	})
	own := func(path string, h gin.HandlerFunc) {
		v.GET(path, func(c *gin.Context) {
			e.sayUser(c.Writer, c.Request)
			h(c)
		})
	}
	own("/count", func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			n++
			io.WriteString(w, "counted ")
			return n < 3
		})
	})
	own("/json/:id", func(c *gin.Context) { c.JSON(http.StatusAccepted, gin.H{"id": c.Param("id")}) })
	own("/refused", func(c *gin.Context) { c.AbortWithStatusJSON(http.StatusForbidden, gin.H{"error": "no"}) })
	return v
}

func itself(h http.Handler) http.Handler { return h }

// named tells Kymo what Gin has routed by.
func named(c *gin.Context) { kymo.SetRoute(c.Writer, c.FullPath()) }

// deferred is what Kymo cannot see below Gin's writer, which keeps the status,
// and lets it be changed, until the body is written.
var deferred = map[string]expected{
	"twice":   {status: 202},
	"invalid": {status: 200},
	"absent":  {absent: true}, "not allowed": {absent: true},
}

func TestGin(t *testing.T) {
	run(t,
		&stack{name: "around", unrouted: true, also: ginRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newGin(itself))
		}},
		&stack{name: "around, named", also: ginRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newGin(itself, named))
		}},
		&stack{name: "below a middleware, recovered", expect: recovered, also: ginRequests(), build: func(e *env) http.Handler {
			return e.outer(e.kymo(e.newGin(itself, named, gin.Recovery())))
		}},
		&stack{name: "WrapH", unrouted: true, gathers: true, expect: deferred, build: func(e *env) http.Handler {
			return e.outer(e.newGin(e.kymo))
		}},
		&stack{name: "around and WrapH", also: ginRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newGin(e.kymo, named))
		}},
	)
}
