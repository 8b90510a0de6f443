package kymofiber

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/compress"
	"github.com/gofiber/fiber/v3/middleware/etag"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/timeout"
	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
)

var errNoSuchOrder = errors.New("no such order")

// config maps an error of the domain to a status, as apps do.
var config = fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
	if errors.Is(err, errNoSuchOrder) {
		return c.Status(fiber.StatusNotFound).SendString("there is no such order")
	}
	if err.Error() == "worse" {
		return errors.New("the error handler fails")
	}
	return fiber.DefaultErrorHandler(c, err)
}}

// testApp is an app with all kinds of routes; use are middlewares before them.
func testApp(t *testing.T, use ...fiber.Handler) *fiber.App {
	t.Helper()
	app := fiber.New(config)
	for _, h := range use {
		app.Use(h)
	}
	app.Use("/api", func(c fiber.Ctx) error {
		if c.Query("refuse") != "" {
			return fiber.ErrForbidden
		}
		return c.Next()
	})
	hello := func(c fiber.Ctx) error { return c.SendString("hello") }
	deny := func(c fiber.Ctx) error { return c.SendStatus(fiber.StatusUnauthorized) }
	next := func(c fiber.Ctx) error { return c.Next() }
	app.Get("/", hello)
	app.Get("/orders/:id", hello)
	app.Post("/orders/:id<int>/lines/:line?", hello)
	app.Get("/files/*", hello)
	app.Get("/flights/:from-:to", hello)
	app.Get(`/jobs/\:cancel`, hello)
	app.Get("/members/:id", deny, hello)
	app.Get("/steps/:id", next, next, hello)
	app.Get("/healthz", hello)
	app.Get("/missing/:id", func(fiber.Ctx) error { return fmt.Errorf("reading: %w", errNoSuchOrder) })
	app.Get("/teapot", func(fiber.Ctx) error { return fiber.NewError(fiber.StatusTeapot, "short and stout") })
	app.Get("/broken", func(fiber.Ctx) error { return errors.New("disk full") })
	app.Get("/worse", func(fiber.Ctx) error { return errors.New("worse") })
	app.Get("/none", func(c fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
	app.Get("/gone", func(c fiber.Ctx) error { return c.Redirect().To("/orders/1") })
	app.Get("/user", func(c fiber.Ctx) error {
		kymo.SetUserContext(c.Context(), c.Get("X-User"))
		return c.SendString("hello")
	})
	app.Get("/again", func(c fiber.Ctx) error {
		c.Path("/orders/9")
		return c.RestartRouting()
	})
	app.Get("/passed/:id", next)
	app.Get("/slow", timeout.New(func(c fiber.Ctx) error {
		<-c.Context().Done()
		return c.Context().Err()
	}, timeout.Config{Timeout: time.Millisecond}))
	file := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(file, []byte(strings.Repeat("0123456789", 20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	app.Get("/file", func(c fiber.Ctx) error { return c.SendFile(file) })
	app.Get("/reader", func(c fiber.Ctx) error { return c.SendStream(strings.NewReader("hello"), 5) })

	api := app.Group("/api")
	api.Get("/", hello)
	v1 := api.Group("/v1")
	v1.Get("/users/:id", hello)
	shop := fiber.New()
	shop.Get("/items/:item", hello)
	shop.Group("/admin").Get("/:page", hello)
	app.Use("/shop", shop)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /std/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hello")
	})
	app.Get("/std/*", adaptor.HTTPHandler(mux))
	app.Use("/passed", func(c fiber.Ctx) error { return c.SendString("after all") })
	app.Use("/static", hello)
	return app
}

// exchanges are requests and their records.
var exchanges = []struct {
	method, path string
	endpoint     string
	status       int
	size         int64
	header       string
	user         string
}{
	{"GET", "/", "/", 200, 5, "", ""},
	{"GET", "/orders/17?x=y", "/orders/{id}", 200, 5, "", ""},
	{"HEAD", "/orders/17", "/orders/{id}", 200, 0, "", ""},
	{"POST", "/orders/17/lines/3", "/orders/{id}/lines/{line}", 200, 5, "", ""},
	{"POST", "/orders/17/lines", "/orders/{id}/lines/{line}", 200, 5, "", ""},
	{"POST", "/orders/x/lines", "(unmatched)", 404, 9, "", ""},
	{"GET", "/files/a/b/c", "/files/{path...}", 200, 5, "", ""},
	{"GET", "/flights/fra-jfk", "/flights/{from}-{to}", 200, 5, "", ""},
	{"GET", "/members/1", "/members/{id}", 401, 12, "", ""},
	{"GET", "/steps/1", "/steps/{id}", 200, 5, "", ""},
	{"GET", "/missing/1", "/missing/{id}", 404, 22, "", ""},
	{"GET", "/teapot", "/teapot", 418, 15, "", ""},
	{"GET", "/broken", "/broken", 500, 9, "", ""},
	{"GET", "/worse", "/worse", 500, 21, "", ""},
	{"GET", "/none", "/none", 204, 0, "", ""},
	{"GET", "/gone", "/gone", 303, 0, "", ""},
	{"GET", "/user", "/user", 200, 5, "X-User: ada", "ada"},
	{"GET", "/again", "/orders/{id}", 200, 5, "", ""},
	{"GET", "/passed/1", "/passed/{id}", 200, 9, "", ""},
	{"GET", "/slow", "/slow", 408, 15, "", ""},
	{"GET", "/file", "/file", 200, 200_000, "", ""},
	{"GET", "/reader", "/reader", 200, 5, "", ""},
	{"GET", "/api/", "/api/", 200, 5, "", ""},
	{"GET", "/api/v1/users/ada", "/api/v1/users/{id}", 200, 5, "", ""},
	{"GET", "/api/v1/users/ada?refuse=1", "(unmatched)", 403, 9, "", ""},
	{"GET", "/shop/items/3", "/shop/items/{item}", 200, 5, "", ""},
	{"GET", "/shop/admin/users", "/shop/admin/{page}", 200, 5, "", ""},
	{"GET", "/std/3", "/std/{path...}", 200, 5, "", ""},
	{"GET", "/static/x", "(unmatched)", 200, 5, "", ""},
	{"GET", "/nowhere", "(unmatched)", 404, 9, "", ""},
	{"DELETE", "/orders/17", "(unmatched)", 405, 18, "", ""},
}

// ours are the headers that the middleware adds to a response, and the date, which
// differs anyway.
var (
	ours = regexp.MustCompile(`X-Response-Time: \d+ms\r\n`)
	date = regexp.MustCompile(`Date: [^\r]+\r\n`)
)

func TestRequestsAreRecordedAndUnchanged(t *testing.T) {
	plain := serve(t, testApp(t))
	for _, e := range exchanges {
		t.Run(e.method+" "+e.path, func(t *testing.T) {
			t.Parallel()
			m, sink := kymotest.New(t)
			var header []string
			if e.header != "" {
				header = []string{e.header}
			}
			got := get(t, serve(t, testApp(t, Middleware(m))), e.method, e.path, header...)
			want := get(t, plain, e.method, e.path, header...)
			if n := len(ours.FindAll(got, -1)); n != 1 {
				t.Errorf("the response has X-Response-Time %d times", n)
			}
			got, want = date.ReplaceAll(ours.ReplaceAll(got, nil), nil), date.ReplaceAll(want, nil)
			if string(got) != string(want) {
				t.Errorf("the response is\n%.500q, without Kymo\n%.500q", got, want)
			}
			r := recorded(t, sink, 1)[0]
			if r.Endpoint != e.endpoint || r.Method != e.method || r.Status != e.status || r.Size != e.size || r.User != e.user {
				t.Errorf("recorded %+v, want %+v", r, e)
			}
			if r.Lifetime != 0 {
				t.Errorf("recorded as a stream: %+v", r)
			}
		})
	}
}

func TestRoutesFollowTheSpellingOfLiterals(t *testing.T) {
	if got := unescaped(`/jobs/all\:cancel`); got != "/jobs/all:cancel" {
		t.Errorf("got %q", got)
	}
}

func TestPanicsAre500(t *testing.T) {
	t.Parallel()
	for name, chain := range map[string]func(h fiber.Handler) []fiber.Handler{
		"recovered outside": func(h fiber.Handler) []fiber.Handler { return []fiber.Handler{recovery.New(), h} },
		"recovered inside":  func(h fiber.Handler) []fiber.Handler { return []fiber.Handler{h, recovery.New()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, sink := kymotest.New(t)
			app := fiber.New()
			for _, h := range chain(Middleware(m)) {
				app.Use(h)
			}
			app.Get("/panic/:id", func(fiber.Ctx) error { panic("on purpose") })
			resp := parse(t, "GET", get(t, serve(t, app), "GET", "/panic/1"))
			if resp.StatusCode != 500 || resp.Header.Get("X-Response-Time") == "" {
				t.Errorf("the response is %+v", resp)
			}
			if r := recorded(t, sink, 1)[0]; r.Status != 500 || r.Endpoint != "/panic/{id}" {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

// Errors and bodies are recorded as middlewares further out have changed them.
func TestStatusAndSizeAreAsSent(t *testing.T) {
	t.Parallel()
	m, sink := kymotest.New(t)
	app := fiber.New()
	app.Use(func(c fiber.Ctx) error {
		if err := c.Next(); errors.Is(err, errNoSuchOrder) {
			return c.Status(fiber.StatusGone).SendString("it is gone")
		} else if err != nil {
			return err
		}
		return nil
	}, compress.New(), etag.New(), Middleware(m))
	app.Get("/gone", func(fiber.Ctx) error { return errNoSuchOrder })
	app.Get("/text", func(c fiber.Ctx) error { return c.SendString(strings.Repeat("long ", 1000)) })
	address := serve(t, app)
	get(t, address, "GET", "/gone")
	resp := parse(t, "GET", get(t, address, "GET", "/text", "Accept-Encoding: gzip"))
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%+v: %v", resp, err)
	}
	for _, r := range recorded(t, sink, 2) {
		switch r.Endpoint {
		case "/gone":
			if r.Status != 410 || r.Size != int64(len("it is gone")) {
				t.Errorf("recorded %+v", r)
			}
		case "/text":
			if r.Status != 200 || r.Size != int64(len(body)) {
				t.Errorf("recorded %+v, want size %d", r, len(body))
			}
		default:
			t.Errorf("recorded %+v", r)
		}
	}
}

func TestRequestsThatAreLeftOut(t *testing.T) {
	t.Parallel()
	var filtered []string
	m, sink := kymotest.New(t, kymo.WithFilter(func(r *http.Request) bool {
		filtered = append(filtered, r.Method+" "+r.Host+r.URL.String()+" "+r.Header.Get("X-Team"))
		return r.Header.Get("X-Team") != "ops"
	}))
	app := testApp(t, Middleware(m))
	app.Get("/secret", func(c fiber.Ctx) error {
		if !kymo.IgnoreContext(c) {
			return errors.New("the request was not found")
		}
		return nil
	})
	address := serve(t, app)
	get(t, address, "GET", "/healthz")
	get(t, address, "GET", "/orders/1", "User-Agent: kube-probe/1.31")
	get(t, address, "GET", "/secret")
	if got := get(t, address, "GET", "/orders/1?a=b", "X-Team: ops"); ours.Match(got) {
		t.Errorf("the response was touched: %q", got)
	}
	get(t, address, "GET", "/orders/1")
	if r := recorded(t, sink, 1)[0]; r.Endpoint != "/orders/{id}" {
		t.Errorf("recorded %+v", r)
	}
	if s := m.Stats(); s.Probes != 2 || s.Ignored != 2 {
		t.Errorf("%d probes and %d ignored, want 2 and 2", s.Probes, s.Ignored)
	}
	if len(filtered) != 5 || filtered[3] != "GET shop.example/orders/1?a=b ops" {
		t.Errorf("the filter saw %q", filtered)
	}
}

// The user's text is in the request's memory, which fasthttp reuses.
func TestUsersOnOneConnection(t *testing.T) {
	t.Parallel()
	m, sink := kymotest.New(t)
	app := fiber.New()
	app.Use(Middleware(m), Middleware(m))
	app.Get("/users/:name", func(c fiber.Ctx) error {
		if !kymo.SetUserContext(c, c.Params("name")) {
			return errors.New("the request was not found")
		}
		return nil
	})
	var requests strings.Builder
	want := map[string]bool{}
	for i := range 100 {
		name := fmt.Sprintf("user%02d", i)
		want[name] = true
		fmt.Fprintf(&requests, "GET /users/%s HTTP/1.1\r\nHost: x\r\n", name)
		if i == 99 {
			requests.WriteString("Connection: close\r\n")
		}
		requests.WriteString("\r\n")
	}
	_, r := dial(t, serve(t, app), requests.String())
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	for _, r := range recorded(t, sink, 100) {
		if !want[r.User] || r.Status != 200 || r.Endpoint != "/users/{name}" {
			t.Errorf("recorded %+v", r)
		}
		delete(want, r.User)
	}
}

// Two monitors see the same request, each in its own way.
func TestTwoMonitors(t *testing.T) {
	t.Parallel()
	m1, sink1 := kymotest.New(t)
	m2, sink2 := kymotest.New(t)
	app := testApp(t, Middleware(m1), Middleware(m2))
	if n := len(ours.FindAll(get(t, serve(t, app), "GET", "/user", "X-User: ada"), -1)); n != 1 {
		t.Errorf("the response has X-Response-Time %d times", n)
	}
	for _, s := range []*kymotest.Sink{sink1, sink2} {
		if r := recorded(t, s, 1)[0]; r.Endpoint != "/user" || r.User != "ada" {
			t.Errorf("recorded %+v", r)
		}
	}
}
