package kymogin_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/kymohq/kymo"
	kymogin "github.com/kymohq/kymo/contrib/gin"
	"github.com/kymohq/kymo/kymotest"
)

func init() {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard // of gin.Recovery
}

func greet(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		kymo.SetUserContext(c.Request.Context(), c.Param(name))
		c.JSON(http.StatusOK, gin.H{name: c.Param(name)})
	}
}

// engine has the routes of the suite.
func engine(s kymotest.Setup, before ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.Use(before...)
	if s.Recovery == kymotest.RecoveryOutside {
		e.Use(gin.Recovery())
	}
	if s.Monitor != nil {
		e.Use(kymogin.Middleware(s.Monitor))
	}
	if s.Recovery == kymotest.RecoveryInside {
		e.Use(gin.Recovery())
	}
	e.GET("/users/:id", greet("id"))
	e.HEAD("/users/:id", greet("id"))
	e.DELETE("/users/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	e.POST("/users", func(c *gin.Context) {
		body, err := c.GetRawData()
		if err != nil {
			c.AbortWithError(http.StatusBadRequest, err)
			return
		}
		c.Data(http.StatusCreated, "text/plain", body)
	})
	teams := e.Group("/teams/:team")
	teams.GET("/members/:member", greet("member"))
	e.GET("/files/*path", func(c *gin.Context) {
		c.DataFromReader(http.StatusOK, 100_000, "text/plain", strings.NewReader(strings.Repeat("0123456789", 10_000)), nil)
	})
	e.GET("/moved", func(c *gin.Context) { c.Redirect(http.StatusFound, "/users/7") })
	e.GET("/nothing", func(*gin.Context) {})
	e.GET("/fails", func(c *gin.Context) { c.AbortWithStatusJSON(http.StatusConflict, gin.H{"error": "taken"}) })
	e.GET("/broken", func(c *gin.Context) { c.AbortWithError(http.StatusInternalServerError, errors.New("oops")) })
	e.GET("/panics", func(*gin.Context) { panic("oops") })
	e.GET("/panics/late", func(c *gin.Context) {
		c.String(http.StatusOK, "partial")
		c.Writer.Flush()
		panic("oops")
	})
	e.GET("/events", func(c *gin.Context) {
		n := 0
		c.Stream(func(io.Writer) bool {
			if n++; n == 2 {
				kymotest.Pause(c.Request.Context())
			}
			c.SSEvent("message", n)
			return n < 2
		})
	})
	e.GET("/upgrade", func(c *gin.Context) { kymotest.Upgrade(c.Writer) })
	e.GET("/slow", func(c *gin.Context) {
		kymotest.Pause(c.Request.Context())
		c.String(http.StatusOK, "done")
	})
	return e
}

func TestSuite(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler { return engine(s) }})
}

func TestSuiteWithMethodNotAllowed(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler {
		e := engine(s)
		e.HandleMethodNotAllowed = true
		return e
	}})
}

// custom is a middleware's own writer, as middlewares that compress have.
type custom struct{ gin.ResponseWriter }

// wrapping puts its writer into the context, and reads it from there again.
func wrapping(c *gin.Context) {
	c.Writer = &custom{c.Writer}
	c.Next()
	if _, ok := c.Writer.(*custom); !ok {
		panic("the writer is another one")
	}
}

func TestSuiteWithinAnotherWriter(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{
		New: func(s kymotest.Setup) http.Handler { return engine(s, wrapping) },
		Unsupported: map[kymotest.Feature]string{
			kymotest.Unmatched: "gin writes its own 404 behind that writer, so its size is not seen; TestStatusOfGin has the rest",
		},
	})
}
