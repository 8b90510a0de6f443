package kymofiber

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
)

// lifetime is the minimum duration of the connections of these tests.
const lifetime = 30 * time.Millisecond

// isLongLived fails the test unless r is a stream that has lasted.
func isLongLived(t *testing.T, r kymotest.Request, endpoint string, status int) {
	t.Helper()
	if r.Endpoint != endpoint || r.Status != status {
		t.Errorf("recorded %+v, want %s with status %d", r, endpoint, status)
	}
	if r.Lifetime < lifetime || r.Duration > r.Lifetime-lifetime/2 {
		t.Errorf("recorded %v with a lifetime of %v, which was at least %v", r.Duration, r.Lifetime, lifetime)
	}
}

func TestStreamsCountByTheirFirstByte(t *testing.T) {
	for _, mediaType := range []string{"text/event-stream", "text/plain"} {
		t.Run(mediaType, func(t *testing.T) {
			m, sink := kymotest.New(t)
			app := fiber.New()
			app.Use(Middleware(m))
			seen := make(chan struct{})
			app.Get("/events/:id", func(c fiber.Ctx) error {
				c.Set("Content-Type", mediaType)
				return c.SendStreamWriter(func(w *bufio.Writer) {
					w.WriteString("data: 1\n\n")
					w.Flush()
					<-seen
					<-time.After(lifetime)
					w.WriteString("data: 2\n\n")
				})
			})
			_, r := dial(t, serve(t, app), "GET /events/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Header.Get("X-Response-Time") == "" {
				t.Error("the response has no X-Response-Time")
			}
			first := make([]byte, len("data: 1\n\n"))
			if _, err := io.ReadFull(resp.Body, first); err != nil {
				t.Fatal(err)
			}
			if n := m.Stats().Recorded; n != 0 {
				t.Error("it was recorded before it ended")
			}
			close(seen)
			if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "data: 2\n\n" {
				t.Errorf("read %q, %v", rest, err)
			}
			isLongLived(t, recorded(t, sink, 1)[0], "/events/{id}", 200)
		})
	}
}

// A client that leaves a stream ends it; the status was sent.
func TestStreamWhoseClientLeft(t *testing.T) {
	m, sink := kymotest.New(t)
	app := fiber.New()
	app.Use(Middleware(m))
	app.Get("/events", func(c fiber.Ctx) error {
		return c.SendStreamWriter(func(w *bufio.Writer) {
			for {
				w.WriteString("data: tick\n\n")
				if w.Flush() != nil {
					return
				}
			}
		})
	})
	conn, r := dial(t, serve(t, app), "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if r := recorded(t, sink, 1)[0]; r.Status != 200 || r.Lifetime == 0 {
		t.Errorf("recorded %+v", r)
	}
}

func TestHijackedConnections(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(c fiber.Ctx)
		status  int // as sent, 0 if nothing is
		want    int
	}{
		{"upgrade", func(c fiber.Ctx) {
			c.Status(fiber.StatusSwitchingProtocols)
			c.Set("Upgrade", "echo")
			c.Set("Connection", "Upgrade")
		}, 101, 101},
		{"without a response", func(c fiber.Ctx) { c.RequestCtx().HijackSetNoResponse(true) }, 0, 101},
		{"refused", func(c fiber.Ctx) { c.Status(fiber.StatusBadRequest) }, 400, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, sink := kymotest.New(t)
			app := fiber.New()
			app.Use(Middleware(m))
			app.Get("/socket/:id", func(ctx fiber.Ctx) error {
				c.prepare(ctx)
				ctx.RequestCtx().Hijack(func(conn net.Conn) {
					line, err := bufio.NewReader(conn).ReadString('\n')
					if err == nil {
						<-time.After(lifetime)
						io.WriteString(conn, line)
					}
				})
				return nil
			})
			_, r := dial(t, serve(t, app), "GET /socket/1 HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello\n")
			if c.status != 0 {
				resp, err := http.ReadResponse(r, nil)
				if err != nil || resp.StatusCode != c.status || resp.Header.Get("X-Response-Time") == "" {
					t.Fatalf("got %+v, %v", resp, err)
				}
			}
			if line, err := r.ReadString('\n'); err != nil || line != "hello\n" {
				t.Errorf("read %q, %v", line, err)
			}
			isLongLived(t, recorded(t, sink, 1)[0], "/socket/{id}", c.want)
		})
	}
}

// Without a fasthttp server nothing reports that the response was sent.
func TestAppWithinAnotherServer(t *testing.T) {
	for path, want := range map[string]int{"/orders/1": 200, "/missing/1": 404, "/worse": 500, "/nowhere": 404} {
		t.Run(path, func(t *testing.T) {
			m, sink := kymotest.New(t)
			w := httptest.NewRecorder()
			adaptor.FiberApp(testApp(t, Middleware(m)))(w, httptest.NewRequest("GET", path, nil))
			if w.Code != want || w.Header().Get("X-Response-Time") == "" {
				t.Errorf("the response is %d %v", w.Code, w.Header())
			}
			if r := recorded(t, sink, 1)[0]; r.Status != want {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

func TestAppTest(t *testing.T) {
	m, sink := kymotest.New(t)
	resp, err := testApp(t, Middleware(m)).Test(httptest.NewRequest("GET", "/missing/1", nil))
	if err != nil || resp.StatusCode != 404 {
		t.Fatalf("got %+v, %v", resp, err)
	}
	if r := recorded(t, sink, 1)[0]; r.Status != 404 || r.Endpoint != "/missing/{id}" {
		t.Errorf("recorded %+v", r)
	}
}

// The route of a net/http mux within the app takes precedence.
func TestMiddlewareOfTheStandardLibraryWithin(t *testing.T) {
	m, sink := kymotest.New(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /std/users/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !kymo.SetUser(w, r.PathValue("id")) {
			t.Error("the request was not found by its writer")
		}
		w.WriteHeader(http.StatusAccepted)
	})
	app := fiber.New()
	app.Use(Middleware(m))
	app.All("/std/*", adaptor.HTTPHandler(m.Middleware(mux)))
	get(t, serve(t, app), "GET", "/std/users/ada")
	if r := recorded(t, sink, 1)[0]; r.Endpoint != "/std/users/{id}" || r.User != "ada" || r.Status != 202 {
		t.Errorf("recorded %+v", r)
	}
}

// A handler that resets the request, which closes its values, is still recorded
// when it has returned.
func TestRequestThatIsResetEarly(t *testing.T) {
	m, sink := kymotest.New(t)
	app := fiber.New()
	app.Use(Middleware(m))
	app.Get("/reset", func(c fiber.Ctx) error {
		c.RequestCtx().ResetUserValues()
		return c.Status(fiber.StatusAccepted).SendString("hello")
	})
	app.Get("/fails", func(c fiber.Ctx) error {
		c.RequestCtx().ResetUserValues()
		return errors.New("on purpose")
	})
	address := serve(t, app)
	get(t, address, "GET", "/reset")
	if r := recorded(t, sink, 1)[0]; r.Status != 202 || r.Size != 5 {
		t.Errorf("recorded %+v", r)
	}
	get(t, address, "GET", "/fails")
	if r := recorded(t, sink, 2)[1]; r.Status != 500 || r.Endpoint != "/fails" {
		t.Errorf("recorded %+v", r)
	}
}
