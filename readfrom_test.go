package kymo

import (
	"context"
	"errors"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// TestCopyFromASourceThatIsEmpty: net/http does not write the header before the
// source of a copy has given something, so a handler can still answer otherwise.
func TestCopyFromASourceThatIsEmpty(t *testing.T) {
	broken := iotest.ErrReader(errors.New("the source is gone"))
	refuse := func(w http.ResponseWriter) { http.Error(w, "bad", http.StatusBadGateway) }
	for _, test := range []struct {
		name        string
		contentType string
		source      io.Reader
		after       func(w http.ResponseWriter)
		status      int
		body        string
	}{
		{"an error", "", broken, refuse, 502, "bad\n"},
		{"an error of a call", "application/grpc", broken, refuse, 502, "bad\n"},
		{"an error of a stream", "text/event-stream", broken, refuse, 502, "bad\n"},
		{"nothing", "", http.NoBody, nil, 200, ""},
		{"another source", "", broken, func(w http.ResponseWriter) { io.Copy(w, strings.NewReader("ok")) }, 200, "ok"},
	} {
		for name, chain := range map[string]func(m *Monitor, next http.Handler) http.Handler{
			"root":    func(m *Monitor, next http.Handler) http.Handler { return m.Middleware(next) },
			"between": func(m *Monitor, next http.Handler) http.Handler { return auth(m.Middleware(next)) },
			"behind another": func(m *Monitor, next http.Handler) http.Handler {
				other, _ := monitor(t)
				return other.Middleware(m.Middleware(next))
			},
		} {
			for _, canceled := range []bool{false, true} {
				log := new(logs)
				m, sink := monitor(t, WithServerTiming())
				ctx, stop := context.WithCancel(context.Background())
				s := httptest.NewUnstartedServer(chain(m, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					r.Pattern = "/copy"
					if canceled {
						stop() // as a server that ends: the client is still there
						<-r.Context().Done()
					}
					if test.contentType != "" {
						w.Header().Set("Content-Type", test.contentType)
					}
					w.(io.ReaderFrom).ReadFrom(test.source)
					if h := w.Header(); h[responseTime] != nil || h[serverTiming] != nil {
						t.Errorf("%s, %s: the header became %v", test.name, name, h)
					}
					if test.after != nil {
						test.after(w)
					}
				})))
				s.Config.ErrorLog = stdlog.New(log, "", 0)
				s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
				s.Start()
				resp, body := get(t, s.Client(), "GET", s.URL)
				s.Close()
				stop()
				if resp.StatusCode != test.status || body != test.body || log.b.Len() != 0 {
					t.Errorf("%s, %s: answered %d %q, logged %s", test.name, name, resp.StatusCode, body, log.b.String())
				}
				left := canceled && name != "root" && test.after == nil // to code further out
				if n := len(resp.Header[serverTiming]); n != 1 && !left {
					t.Errorf("%s, %s: Server-Timing %q", test.name, name, resp.Header[serverTiming])
				}
				if got := one(t, m, sink); got.Status != test.status || got.Size != int64(len(test.body)) {
					t.Errorf("%s, %s, canceled %v: recorded %+v", test.name, name, canceled, got)
				}
			}
		}
	}
}

// TestCopyThatIsTooLong: the header is written although the copy fails at once.
func TestCopyThatIsTooLong(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1")
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("ab")); n != 0 || err != http.ErrContentLength {
			t.Errorf("copied %d, %v", n, err)
		}
		w.WriteHeader(500)
	})))
	resp, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	stop()
	if got := one(t, m, sink); got.Status != 200 || resp.StatusCode != 200 {
		t.Errorf("answered %d, recorded %+v", resp.StatusCode, got)
	}
}

// TestCopyAfterTheMiddleware is what a framework's error handler may do.
func TestCopyAfterTheMiddleware(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Serve(w, r, func(within http.ResponseWriter, _ *http.Request) { w = within })
		io.Copy(w, iotest.ErrReader(io.ErrUnexpectedEOF))
		w.WriteHeader(502)
	}))
	resp, _ := get(t, s.Client(), "GET", s.URL)
	stop()
	if got := one(t, m, sink); got.Status != 502 || resp.StatusCode != 502 {
		t.Errorf("answered %d, recorded %+v", resp.StatusCode, got)
	}
}
