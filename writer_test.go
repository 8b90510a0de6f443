package kymo

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readFromSpy counts what reaches net/http's own ReadFrom, which is sendfile.
type readFromSpy struct {
	http.ResponseWriter
	http.Flusher
	http.Hijacker
	closeNotifier
	n int64
}

func (s *readFromSpy) ReadFrom(src io.Reader) (int64, error) {
	n, err := s.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
	s.n += n
	return n, err
}

func TestSendfileIsKept(t *testing.T) {
	content := strings.Repeat("kymo", 100_000)
	name := filepath.Join(t.TempDir(), "file.txt")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	m, sink := monitor(t)
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }))
	var spy *readFromSpy
	s, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spy = &readFromSpy{w, w.(http.Flusher), w.(http.Hijacker), w.(closeNotifier), 0}
		h.ServeHTTP(spy, r)
	}))
	resp, body := get(t, s.Client(), "GET", s.URL)
	stop()
	if body != content || resp.Header.Get("X-Response-Time") == "" {
		t.Error("the file did not arrive")
	}
	if spy.n != int64(len(content)) {
		t.Errorf("%d bytes went through ReadFrom", spy.n)
	}
	if got := one(t, m, sink); got.Size != int64(len(content)) {
		t.Errorf("recorded %+v", got)
	}
}

func TestReadFromAnswers(t *testing.T) {
	m, sink := monitor(t)
	s, stop := serve(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(io.ReaderFrom).ReadFrom(strings.NewReader("hello"))
	})))
	resp, body := get(t, s.Client(), "GET", s.URL)
	stop()
	if body != "hello" || resp.Header.Get("X-Response-Time") == "" {
		t.Errorf("answered %q %v", body, resp.Header)
	}
	if got := one(t, m, sink); got.Size != 5 || got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

func TestFlushSendsTheHeader(t *testing.T) {
	for _, p := range protocols {
		for name, flush := range map[string]func(http.ResponseWriter) error{
			"Flusher":            func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
			"ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		} {
			t.Run(p.name+" "+name, func(t *testing.T) {
				m, sink := monitor(t)
				proceed := make(chan struct{})
				s := p.server(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					if err := flush(w); err != nil {
						t.Error(err)
					}
					<-proceed
					io.WriteString(w, "data: 1\n\n")
				})))
				defer s.Close()
				resp, err := s.Client().Get(s.URL) // returns when the header has come
				if err != nil {
					t.Fatal(err)
				}
				close(proceed)
				body, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				s.Close()
				if resp.Header.Get("X-Response-Time") == "" || string(body) != "data: 1\n\n" {
					t.Errorf("answered %v %q", resp.Header, body)
				}
				if got := one(t, m, sink); got.Lifetime <= got.Duration || got.Duration != got.FirstByte || got.Size != 9 {
					t.Errorf("recorded %+v", got)
				}
			})
		}
	}
}

// wrapped is a writer of some middleware that can be unwrapped.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestFlushThatIsNotPossibleDecidesNothing(t *testing.T) {
	for _, inner := range []http.ResponseWriter{least{make(http.Header)}, wrapped{least{make(http.Header)}}} {
		m, sink := monitor(t)
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).Flush(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Flush: %v", err)
			}
			w.WriteHeader(404)
		})).ServeHTTP(inner, httptest.NewRequest("GET", "/", nil))
		if got := one(t, m, sink); got.Status != 404 {
			t.Errorf("recorded %+v", got)
		}
	}
}

func TestFlushReachesThroughAWrapper(t *testing.T) {
	m, _ := monitor(t)
	rec := httptest.NewRecorder()
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(wrapped{rec}, httptest.NewRequest("GET", "/", nil))
	if !rec.Flushed || rec.Result().Header.Get("X-Response-Time") == "" {
		t.Errorf("flushed %v with %v", rec.Flushed, rec.Result().Header)
	}
}

func TestUpgradeByStatus(t *testing.T) {
	m, sink := monitor(t)
	w := do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
	})), "GET", "/")
	if w.Header().Get("X-Response-Time") == "" {
		t.Error("101 is final, but has no X-Response-Time")
	}
	if got := one(t, m, sink); got.Status != 101 || got.Lifetime == 0 {
		t.Errorf("recorded %+v", got)
	}
}

func TestPush(t *testing.T) {
	m, _ := monitor(t)
	s := protocols[1].server(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Go's client refuses pushes, which is an answer of the real writer.
		if err := w.(http.Pusher).Push("/a.css", nil); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Push: %v", err)
		}
		if w.(closeNotifier).CloseNotify() == nil {
			t.Error("CloseNotify returned nil")
		}
	})))
	defer s.Close()
	get(t, s.Client(), "GET", s.URL)
}

func TestResponseControllerReachesTheServer(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, _ := monitor(t)
			s := p.server(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c := http.NewResponseController(w)
				for _, err := range []error{
					c.SetReadDeadline(time.Now().Add(time.Hour)),
					c.SetWriteDeadline(time.Now().Add(time.Hour)),
					c.EnableFullDuplex(),
				} {
					if err != nil {
						t.Error(err)
					}
				}
				if w.(closeNotifier).CloseNotify() == nil {
					t.Error("CloseNotify returned nil")
				}
			})))
			defer s.Close()
			get(t, s.Client(), "GET", s.URL)
		})
	}
}

func TestWriteString(t *testing.T) {
	m, sink := monitor(t)
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
		io.WriteString(w, ", world")
	})), "GET", "/")
	if got := one(t, m, sink); got.Size != 12 || got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

func TestInvalidStatusIsTheInnerWritersMatter(t *testing.T) {
	m, sink := monitor(t)
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, status := range []int{0, 99, 1000} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("status %d was taken", status)
					}
				}()
				w.WriteHeader(status)
			}()
		}
		w.WriteHeader(204)
	})), "GET", "/")
	if got := one(t, m, sink); got.Status != 204 {
		t.Errorf("recorded %+v", got)
	}
}

func TestWriterWithoutHeader(t *testing.T) {
	m, sink := monitor(t)
	m.Middleware(nothing).ServeHTTP(least{}, httptest.NewRequest("GET", "/", nil))
	if got := one(t, m, sink); got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
}

// TestWriterAfterTheHandler uses writers when the middleware has returned, while
// it serves other requests: each still belongs to its own response.
func TestWriterAfterTheHandler(t *testing.T) {
	m, sink := monitor(t)
	var late []http.ResponseWriter
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { late = append(late, w) }))
	recorders := make([]*httptest.ResponseRecorder, 100)
	for i := range recorders {
		recorders[i] = httptest.NewRecorder()
		h.ServeHTTP(recorders[i], httptest.NewRequest("GET", "/", nil))
	}
	for i, w := range late {
		w.Header().Set("A", strconv.Itoa(i))
		w.WriteHeader(409)
		fmt.Fprint(w, "late ", i)
		w.(http.Flusher).Flush()
	}
	for i, rec := range recorders {
		if rec.Code != 409 || rec.Body.String() != fmt.Sprint("late ", i) || rec.Header().Get("A") != strconv.Itoa(i) || !rec.Flushed {
			t.Errorf("response %d is %d %q", i, rec.Code, rec.Body)
		}
	}
	closeMonitor(t, m)
	if n := len(sink.kept()); n != len(late) {
		t.Errorf("%d requests were kept", n)
	}
}

func TestChainWithoutEnd(t *testing.T) {
	loop := &wrapped{}
	loop.ResponseWriter = loop
	SetUser(loop, "x")
	if canFlush(loop) {
		t.Error("a loop can flush")
	}
	SetUser(nil, "x")
}

func TestHeaderValuesAreNotShared(t *testing.T) {
	m, _ := monitor(t)
	h := m.Middleware(nothing)
	a, b := do(h, "GET", "/"), do(h, "GET", "/")
	a.Header()[responseTime][0] = "other"
	if got := b.Header().Get(responseTime); got != "0ms" {
		t.Errorf("another response's header became %q", got)
	}
	if got := do(h, "GET", "/").Header().Get(responseTime); got != "0ms" {
		t.Errorf("a later response's header is %q", got)
	}
}

func TestResponseTimeValue(t *testing.T) {
	for ns, want := range map[int64]string{-1: "0ms", 999_999: "0ms", 1023e6: "1023ms", 1024e6: "1024ms", 86400e9: "86400000ms"} {
		if got := responseTimeValue(ns); got != want {
			t.Errorf("%d ns is %q", ns, got)
		}
	}
}
