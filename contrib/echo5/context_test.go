package kymoecho_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/kymohq/kymo"
	kymoecho "github.com/kymohq/kymo/contrib/echo5"
	"github.com/kymohq/kymo/kymotest"
)

func failing(err error) echo.HandlerFunc { return func(*echo.Context) error { return err } }

func within(status int) error {
	return fmt.Errorf("oops: %w", echo.NewHTTPError(status, "slow down"))
}

// Errors become responses after the middleware, over a network and without one.
func TestErrors(t *testing.T) {
	teapots := func(c *echo.Context, err error) { c.String(http.StatusTeapot, "no coffee: "+err.Error()) }
	for _, test := range []struct {
		name    string
		handler echo.HandlerFunc
		outside []echo.MiddlewareFunc
		answers echo.HTTPErrorHandler
		status  int
	}{
		{name: "with a status", handler: failing(echo.ErrForbidden), status: 403},
		{name: "without one", handler: failing(errors.New("oops")), status: 500},
		{name: "wrapped", handler: failing(fmt.Errorf("oops: %w", echo.ErrForbidden)), status: 403},
		{name: "with one within", handler: failing(within(429)), status: 429},
		{name: "after the answer", handler: func(c *echo.Context) error {
			c.String(http.StatusAccepted, "yes")
			return echo.ErrForbidden
		}, status: 202},
		{name: "answered inside", handler: func(c *echo.Context) error {
			c.Echo().HTTPErrorHandler(c, echo.ErrForbidden)
			return echo.ErrForbidden
		}, status: 403},
		{name: "a context that ends before the answer", handler: failing(echo.ErrForbidden),
			outside: []echo.MiddlewareFunc{middleware.ContextTimeout(time.Hour)}, status: 403},
		{name: "compressed", handler: failing(echo.ErrForbidden), outside: []echo.MiddlewareFunc{middleware.Gzip()}, status: 403},
		{name: "a handler of its own for errors", handler: failing(echo.ErrForbidden), answers: teapots, status: 418},
		{name: "changed outside", handler: failing(echo.ErrForbidden),
			outside: []echo.MiddlewareFunc{func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error { return fmt.Errorf("hidden: %v", next(c)) }
			}}, status: 500},
	} {
		for _, chain := range chains {
			t.Run(test.name+chain.name, func(t *testing.T) {
				m, sink := kymotest.New(t)
				e := echo.New()
				if test.answers != nil {
					e.HTTPErrorHandler = test.answers
				}
				e.Use(test.outside...)
				e.Use(kymoecho.Middleware(m))
				e.GET("/", test.handler)
				s := httptest.NewServer(chain.of(m, e))
				resp, err := http.Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				s.Close()
				got := sink.Requests()
				if len(got) != 1 || got[0].Status != test.status || resp.StatusCode != test.status {
					t.Errorf("answered %d, recorded %+v, want %d", resp.StatusCode, got, test.status)
				}
				if resp.Header.Get("X-Response-Time") == "" {
					t.Error("no X-Response-Time")
				}
			})
		}
	}
}

// chains are the ways to use the adapter: alone, and within the SDK's middleware.
var chains = []struct {
	name string
	of   func(*kymo.Monitor, http.Handler) http.Handler
}{
	{"", func(_ *kymo.Monitor, h http.Handler) http.Handler { return h }},
	{", within Middleware", (*kymo.Monitor).Middleware},
}

// The context of such a request never ends: it is recorded once ServeHTTP returns.
func TestErrorsOnARecorder(t *testing.T) {
	m, sink := kymotest.New(t)
	e := echo.New()
	e.Use(kymoecho.Middleware(m))
	e.GET("/", failing(within(429)))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if got := sink.Requests(); len(got) != 1 || got[0].Status != 429 || w.Code != 429 {
		t.Errorf("answered %d, recorded %+v", w.Code, got)
	}
}

func nothing(*echo.Context) error { return nil }

func TestRoutes(t *testing.T) {
	for _, on := range []struct {
		name string
		add  func(*echo.Echo, ...echo.MiddlewareFunc)
	}{{"Use", (*echo.Echo).Use}, {"Pre", (*echo.Echo).Pre}} {
		m, sink := kymotest.New(t)
		e := echo.New()
		on.add(e, kymoecho.Middleware(m))
		e.Pre(middleware.MethodOverrideWithConfig(middleware.MethodOverrideConfig{Getter: middleware.MethodFromHeader("Method")}))
		e.Pre(middleware.Rewrite(map[string]string{"/old/*": "/orders/$1"}))
		e.POST("/orders/:id", nothing)
		e.GET("/orders/:id", nothing)
		e.Any("/any/*", nothing)
		g := e.Group("/admin", middleware.RequestID())
		g.Group("/:area", middleware.RequestID()).GET("/x", nothing)
		e.RouteNotFound("/shop/*", nothing)
		e.GET("/shop/:item", nothing)
		for _, test := range []struct{ method, path, endpoint string }{
			{"GET", "/orders/7", "/orders/{id}"},
			{"PUT", "/orders/7", "(unmatched)"},
			{"OPTIONS", "/orders/7", "(unmatched)"},
			{"BREW", "/orders/7", "(unmatched)"},
			{"GET", "/old/7", "/orders/{id}"},
			{"POST as PUT", "/orders/7", "(unmatched)"},
			{"DELETE", "/any/1/2", "/any/{path...}"},
			{"GET", "/admin/7/x", "/admin/{area}/x"},
			{"GET", "/admin/7/no", "(unmatched)"},
			{"GET", "/admin/no", "(unmatched)"},
			{"GET", "/admin", "(unmatched)"},
			{"GET", "/shop/cup", "/shop/{item}"},
			{"POST", "/shop/cup", "(unmatched)"},
		} {
			for range 2 { // the second time it is known
				method, override, _ := strings.Cut(test.method, " as ")
				r := httptest.NewRequest(method, test.path, nil)
				r.Header.Set("Method", override)
				before := count(sink, test.endpoint)
				e.ServeHTTP(httptest.NewRecorder(), r)
				if count(sink, test.endpoint) != before+1 {
					t.Errorf("on %s: %s %s was not recorded as %s", on.name, test.method, test.path, test.endpoint)
				}
			}
		}
	}
}

func count(sink *kymotest.Sink, endpoint string) (n int) {
	for _, r := range sink.Requests() {
		if r.Endpoint == endpoint {
			n++
		}
	}
	return n
}

// Echo reuses its contexts. A request must not see anything of the previous one.
func TestNothingIsLeftInTheContext(t *testing.T) {
	m, sink := kymotest.New(t)
	e := echo.New()
	var before, after *http.Request
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			before = c.Request()
			err := next(c)
			after = c.Request()
			return err
		}
	})
	find := func(c *echo.Context) bool {
		return kymo.SetUser(c.Response(), "kim") || kymo.SetUserContext(c.Request().Context(), "kim")
	}
	e.GET("/a", func(c *echo.Context) error {
		if !find(c) {
			t.Error("the request is not found")
		}
		return echo.ErrForbidden
	}, kymoecho.Middleware(m))
	e.GET("/b", func(c *echo.Context) error {
		if find(c) {
			t.Error("a request is found that is over")
		}
		return c.NoContent(http.StatusTeapot)
	})
	for range 20 {
		for _, path := range []string{"/a", "/b"} {
			ctx, cancel := context.WithCancel(t.Context())
			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", path, nil))
			cancel()
			if before != after {
				t.Error("the request is another one after the middleware")
			}
		}
	}
	got := sink.Requests()
	if len(got) != 20 {
		t.Errorf("recorded %+v", got)
	}
	for _, r := range got {
		if r.Endpoint != "/a" || r.Status != 403 || r.User != "kim" {
			t.Errorf("recorded %+v", r)
		}
	}
}

// net/http sees the forms that handlers parse, and removes their files.
func TestFormsReachTheRequest(t *testing.T) {
	m, _ := kymotest.New(t)
	e := echo.New()
	e.Use(kymoecho.Middleware(m))
	e.POST("/", func(c *echo.Context) error { _, err := c.MultipartForm(); return err })
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	w.WriteField("name", "kim")
	w.Close()
	req := httptest.NewRequest("POST", "/", &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	e.ServeHTTP(httptest.NewRecorder(), req)
	if req.MultipartForm == nil || req.FormValue("name") != "kim" {
		t.Errorf("the form is %+v", req.MultipartForm)
	}
}

// bare is a writer that cannot be compared.
type bare struct {
	http.ResponseWriter
	_ func()
}

func TestWriterThatCannotBeCompared(t *testing.T) {
	m, sink := kymotest.New(t)
	e := echo.New()
	e.Use(kymoecho.Middleware(m))
	e.GET("/", failing(echo.ErrForbidden))
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.ServeHTTP(bare{w, nil}, r) }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got := sink.Requests(); len(got) != 1 || got[0].Status != 403 || got[0].Endpoint != "/" {
		t.Errorf("recorded %+v", got)
	}
}
