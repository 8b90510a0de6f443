package stacks

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	echo5 "github.com/labstack/echo/v5"
	middleware5 "github.com/labstack/echo/v5/middleware"
)

// echoRequests are for what Echo's own handlers do.
func echoRequests() []*request {
	return []*request{
		{name: "taken", method: "GET", path: "/taken", want: expected{endpoint: "/taken"}},
		{name: "failing", method: "GET", path: "/failing", want: expected{endpoint: "/failing"}},
		{name: "json", method: "GET", path: "/json/7", want: expected{endpoint: "/json/{id}"}},
	}
}

// newEcho returns an Echo with the app and handlers that return errors.
func (e *env) newEcho(use ...echo.MiddlewareFunc) *echo.Echo {
	v := echo.New()
	v.Logger.SetOutput(io.Discard)
	v.Use(use...)
	e.each(func(method, pattern string, h http.HandlerFunc) {
		v.Add(method, colon(pattern), func(c echo.Context) error {
			h(c.Response(), c.Request())
			return nil
		})
	})
	v.GET("/taken", func(c echo.Context) error {
		e.sayUser(c.Response(), c.Request())
		return echo.NewHTTPError(http.StatusConflict, "taken")
	})
	v.GET("/failing", func(c echo.Context) error {
		e.sayUser(c.Response(), c.Request())
		return errors.New("secret")
	})
	v.GET("/json/:id", func(c echo.Context) error {
		e.sayUser(c.Response(), c.Request())
		return c.JSON(http.StatusAccepted, map[string]string{"id": c.Param("id")})
	})
	return v
}

// newEcho5 is newEcho for the next version.
func (e *env) newEcho5(use ...echo5.MiddlewareFunc) *echo5.Echo {
	v := echo5.New()
	v.Logger = slog.New(slog.DiscardHandler)
	v.Use(use...)
	e.each(func(method, pattern string, h http.HandlerFunc) {
		v.Add(method, colon(pattern), func(c *echo5.Context) error {
			h(c.Response(), c.Request())
			return nil
		})
	})
	v.GET("/taken", func(c *echo5.Context) error {
		e.sayUser(c.Response(), c.Request())
		return echo5.NewHTTPError(http.StatusConflict, "taken")
	})
	v.GET("/failing", func(c *echo5.Context) error {
		e.sayUser(c.Response(), c.Request())
		return errors.New("secret")
	})
	v.GET("/json/:id", func(c *echo5.Context) error {
		e.sayUser(c.Response(), c.Request())
		return c.JSON(http.StatusAccepted, map[string]string{"id": c.Param("id")})
	})
	return v
}

func TestEcho4(t *testing.T) {
	run(t,
		&stack{name: "around", unrouted: true, also: echoRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newEcho())
		}},
		&stack{name: "WrapMiddleware", unrouted: true, also: echoRequests(), build: func(e *env) http.Handler {
			return e.outer(e.newEcho(echo.WrapMiddleware(e.kymo)))
		}},
		&stack{name: "WrapMiddleware before others", unrouted: true, also: echoRequests(), build: func(e *env) http.Handler {
			return e.newEcho(echo.WrapMiddleware(e.kymo), middleware.Recover(), middleware.Gzip(), middleware.BodyLimit("1M"))
		}},
		&stack{name: "WrapMiddleware after others", unrouted: true, also: echoRequests(), build: func(e *env) http.Handler {
			return e.newEcho(middleware.Recover(), middleware.Gzip(), middleware.Secure(), echo.WrapMiddleware(e.kymo))
		}},
		&stack{name: "around and within", unrouted: true, also: echoRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newEcho(middleware.Gzip(), echo.WrapMiddleware(e.kymo)))
		}},
	)
}

func TestEcho5(t *testing.T) {
	// It names the route of the path for another method.
	routed := map[string]expected{"not allowed": {endpoint: "/text", anonymous: true}}
	run(t,
		&stack{name: "around", expect: routed, also: echoRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newEcho5())
		}},
		&stack{name: "WrapMiddleware", expect: routed, also: echoRequests(), build: func(e *env) http.Handler {
			return e.outer(e.newEcho5(echo5.WrapMiddleware(e.kymo)))
		}},
		&stack{name: "WrapMiddleware before others", expect: routed, also: echoRequests(), build: func(e *env) http.Handler {
			return e.newEcho5(echo5.WrapMiddleware(e.kymo), middleware5.Recover(), middleware5.Gzip(), middleware5.BodyLimit(1<<20))
		}},
		&stack{name: "WrapMiddleware after others", expect: routed, also: echoRequests(), build: func(e *env) http.Handler {
			return e.newEcho5(middleware5.Recover(), middleware5.Gzip(), middleware5.Secure(), echo5.WrapMiddleware(e.kymo))
		}},
		&stack{name: "around and within", expect: routed, also: echoRequests(), build: func(e *env) http.Handler {
			return e.kymo(e.newEcho5(middleware5.Gzip(), echo5.WrapMiddleware(e.kymo)))
		}},
	)
}
