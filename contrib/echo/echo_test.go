package kymoecho_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/kymohq/kymo"
	kymoecho "github.com/kymohq/kymo/contrib/echo"
	"github.com/kymohq/kymo/kymotest"
)

func greet(name string) echo.HandlerFunc {
	return func(c echo.Context) error {
		kymo.SetUserContext(c.Request().Context(), c.Param(name))
		return c.JSON(http.StatusOK, map[string]string{name: c.Param(name)})
	}
}

// server has the routes of the suite; add adds a middleware, as Use and Pre do.
func server(s kymotest.Setup, add func(*echo.Echo, ...echo.MiddlewareFunc)) *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	recovers := middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true})
	if s.Recovery == kymotest.RecoveryOutside {
		add(e, recovers)
	}
	if s.Monitor != nil {
		add(e, kymoecho.Middleware(s.Monitor))
	}
	if s.Recovery == kymotest.RecoveryInside {
		add(e, recovers)
	}
	route(e)
	return e
}

func route(e *echo.Echo) {
	e.GET("/users/:id", greet("id"))
	e.HEAD("/users/:id", greet("id"))
	e.DELETE("/users/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST("/users", func(c echo.Context) error {
		return c.Stream(http.StatusCreated, "text/plain", c.Request().Body)
	})
	// A middleware makes the group answer all below it.
	teams := e.Group("/teams/:team", middleware.RemoveTrailingSlash())
	teams.GET("/members/:member", greet("member"))
	e.GET("/files/*", func(c echo.Context) error {
		return c.Stream(http.StatusOK, "text/plain", strings.NewReader(strings.Repeat("0123456789", 10_000)))
	})
	e.GET("/moved", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/users/7") })
	e.GET("/nothing", func(echo.Context) error { return nil })
	e.GET("/fails", func(echo.Context) error { return echo.NewHTTPError(http.StatusConflict, "taken") })
	e.GET("/broken", func(echo.Context) error { return errors.New("oops") })
	e.GET("/panics", func(echo.Context) error { panic("oops") })
	e.GET("/panics/late", func(c echo.Context) error {
		c.String(http.StatusOK, "partial")
		c.Response().Flush()
		panic("oops")
	})
	e.GET("/events", func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderContentType, "text/event-stream")
		fmt.Fprint(c.Response(), "data: 1\n\n")
		c.Response().Flush()
		kymotest.Pause(c.Request().Context())
		_, err := fmt.Fprint(c.Response(), "data: 2\n\n")
		return err
	})
	e.GET("/upgrade", func(c echo.Context) error {
		kymotest.Upgrade(c.Response())
		return nil
	})
	e.GET("/slow", func(c echo.Context) error {
		kymotest.Pause(c.Request().Context())
		return c.String(http.StatusOK, "done")
	})
}

func TestSuiteOnUse(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler { return server(s, (*echo.Echo).Use) }})
}

func TestSuiteOnPre(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler { return server(s, (*echo.Echo).Pre) }})
}

func TestSuiteOnAHost(t *testing.T) {
	kymotest.Run(t, kymotest.Adapter{New: func(s kymotest.Setup) http.Handler {
		e := server(s, (*echo.Echo).Use)
		e.Host("unknown").GET("/users/:id", greet("id"))
		return e
	}})
}
