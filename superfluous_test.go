package kymo

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// misuse is a handler that uses its writer in ways that net/http logs.
func misuse(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/twice":
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusTeapot)
	case "/hints":
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	case "/hijacked":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		w.Write([]byte("x"))
		io.WriteString(w, "x")
		w.WriteHeader(http.StatusOK)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
}

// What the server logs about a handler names the handler's own line, with the
// middleware as without.
func TestMisuseIsLoggedAsWithout(t *testing.T) {
	timeout := func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") }
	itself := func(h http.Handler) http.Handler { return h }
	for name, build := range map[string]func(kymo func(http.Handler) http.Handler) http.Handler{
		"around": func(kymo func(http.Handler) http.Handler) http.Handler { return kymo(http.HandlerFunc(misuse)) },
		"in a timeout": func(kymo func(http.Handler) http.Handler) http.Handler {
			return timeout(kymo(http.HandlerFunc(misuse)))
		},
		"around a timeout": func(kymo func(http.Handler) http.Handler) http.Handler {
			return kymo(timeout(kymo(http.HandlerFunc(misuse))))
		},
	} {
		logged := func(kymo func(http.Handler) http.Handler) string {
			var l logs
			var running sync.WaitGroup // a server waits for no handler that hijacked its connection
			h := build(kymo)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer running.Done()
				h.ServeHTTP(w, r)
			}))
			s.Config.ErrorLog = log.New(&l, "", 0)
			s.Start()
			for _, path := range []string{"/twice", "/hints", "/hijacked"} {
				running.Add(1)
				get(t, s.Client(), "GET", s.URL+path)
			}
			s.Close()
			running.Wait()
			return l.b.String()
		}
		m, _ := monitor(t)
		without, with := logged(itself), logged(m.Middleware)
		if with != without || !strings.Contains(without, "kymo.misuse") {
			t.Errorf("%s: logged\n%s\nand without the middleware\n%s", name, with, without)
		}
	}
}

// Over HTTP/2 the stream of a HEAD request is closed when its header was sent,
// and what the handler writes afterwards fails.
func TestHeadWithLongBodyIsNoFailure(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, sink := monitor(t)
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for range 30 {
					w.Write(make([]byte, 1000))
				}
			}))
			const requests = 10
			var running sync.WaitGroup
			running.Add(requests) // a server waits for no handler of HTTP/2
			s := p.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer running.Done()
				h.ServeHTTP(w, r)
			}))
			for range requests {
				get(t, s.Client(), "HEAD", s.URL)
			}
			running.Wait()
			s.Close()
			closeMonitor(t, m)
			for _, r := range sink.kept() {
				if r.Status != 200 {
					t.Errorf("recorded %+v", r)
				}
			}
		})
	}
}

// again counts the calls that reach a writer which is not net/http's.
type again struct {
	least
	calls *int
}

func (a again) WriteHeader(int) { *a.calls++ }

func TestSuperfluousWriteHeaderIsOthersMatter(t *testing.T) {
	m, _ := monitor(t)
	calls := 0
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(500)
	})).ServeHTTP(again{least{make(http.Header)}, &calls}, httptest.NewRequest("GET", "/", nil))
	if calls != 2 {
		t.Errorf("%d calls reached the writer below", calls)
	}
}
