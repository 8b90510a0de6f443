package kymo

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestHijack(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w http.ResponseWriter)
		status int
	}{
		{"raw", func(http.ResponseWriter) {}, 101},
		{"after the header", func(w http.ResponseWriter) { w.WriteHeader(200); w.(http.Flusher).Flush() }, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			returned := make(chan struct{})
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				test.before(w)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				conn.Close()
				if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
					t.Errorf("Write: %v", err)
				}
			}))
			s, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: x\r\n\r\n")
			answer, _ := io.ReadAll(conn)
			<-returned // a server does not wait for hijacked connections
			if strings.HasPrefix(string(answer), "HTTP/1.1 101") && strings.Contains(string(answer), "X-Response-Time") {
				t.Errorf("answered %q", answer)
			}
			if got := one(t, m, sink); got.Status != test.status || got.Lifetime < got.Duration || got.Lifetime == 0 {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestHijackThatFails(t *testing.T) {
	m, sink := monitor(t)
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Error("hijacked")
		}
		w.WriteHeader(400)
	})).ServeHTTP(able{least{make(http.Header)}, new([]string), errors.New("no")}, httptest.NewRequest("GET", "/", nil))
	if got := one(t, m, sink); got.Status != 400 || got.Lifetime != 0 {
		t.Errorf("recorded %+v", got)
	}
}

// TestHijackPastTheMiddleware: a writer below that can only be unwrapped leads
// http.ResponseController past ours.
func TestHijackPastTheMiddleware(t *testing.T) {
	for _, test := range []struct {
		header string
		hides  bool // that the writer below can hijack
		use    func(rc *http.ResponseController) error
		status int
	}{
		{"Connection: Upgrade\r\nUpgrade: chat\r\n", true, func(rc *http.ResponseController) error {
			conn, _, err := rc.Hijack()
			if err == nil {
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
				conn.Close()
			}
			return err
		}, 101},
		{"", true, func(rc *http.ResponseController) error { return rc.SetReadDeadline(time.Time{}) }, 200},
		{"Upgrade: h2c\r\n", false, func(rc *http.ResponseController) error { return rc.SetReadDeadline(time.Time{}) }, 200},
	} {
		m, sink := monitor(t)
		returned := make(chan struct{})
		h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = "/chat"
			if err := test.use(http.NewResponseController(w)); err != nil {
				t.Error(err)
			}
		}))
		s, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			if test.hides {
				w = wrapped{w}
			}
			h.ServeHTTP(w, r)
		}))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET /chat HTTP/1.1\r\nHost: x\r\n"+test.header+"\r\n")
		<-returned
		conn.Close()
		stop()
		if got := one(t, m, sink); got.Status != test.status || got.Lifetime != 0 != (test.status == 101) {
			t.Errorf("recorded %+v", got)
		}
	}
}

// TestWebsocketThatIsNotTakenOver: a handler that the server calls directly, and
// that ignores the request to upgrade, has answered.
func TestWebsocketThatIsNotTakenOver(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, m.Middleware(routed))
	req, _ := http.NewRequest("GET", s.URL, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stop()
	if got := one(t, m, sink); resp.StatusCode != 200 || got.Status != 200 || got.Lifetime != 0 {
		t.Errorf("answered %d, recorded %+v", resp.StatusCode, got)
	}
}
