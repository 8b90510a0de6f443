package kymo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// TestClientGoesAfterTheAnswer: what was written in full keeps its status.
func TestClientGoesAfterTheAnswer(t *testing.T) {
	for _, p := range protocols {
		m, sink := monitor(t)
		left, returned := make(chan struct{}), make(chan struct{})
		root := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "done")
			w.(http.Flusher).Flush()
			<-left
			<-r.Context().Done()
		}))
		s := p.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(returned)
			root.ServeHTTP(w, r)
		}))
		resp, err := s.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 4)
		io.ReadFull(resp.Body, body)
		resp.Body.Close()
		close(left)
		s.CloseClientConnections()
		s.Client().CloseIdleConnections()
		<-returned
		s.Close()
		if got := one(t, m, sink); got.Status != 200 || got.Size != 4 {
			t.Errorf("%s: recorded %+v", p.name, got)
		}
	}
}

// TestServerEndsTheContexts is a deploy: the base context ends, and handlers
// answer clients that are still there.
func TestServerEndsTheContexts(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		answer func(w http.ResponseWriter)
	}{
		{"an error", 500, func(w http.ResponseWriter) { http.Error(w, "the database is gone", 500) }},
		{"nothing", 200, func(http.ResponseWriter) {}},
	} {
		for _, p := range protocols {
			for _, root := range []bool{true, false} {
				m, sink := monitor(t)
				ctx, stop := context.WithCancel(context.Background())
				h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					stop()
					<-r.Context().Done()
					test.answer(w)
				}))
				if !root {
					h = auth(h)
				}
				s := httptest.NewUnstartedServer(h)
				s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
				if p.name == "HTTP/2" {
					s.EnableHTTP2 = true
					s.StartTLS()
				} else {
					s.Start()
				}
				resp, _ := get(t, s.Client(), "GET", s.URL)
				s.Close()
				if got := one(t, m, sink); resp.StatusCode != test.status || got.Status != test.status {
					t.Errorf("%s, %s, root %v: answered %d, recorded %+v", test.name, p.name, root, resp.StatusCode, got)
				}
			}
		}
	}
}

// failing is a writer whose client is gone, or that refuses.
type failing struct {
	least
	err error
}

func (f failing) Write(p []byte) (int, error) { return 0, f.err }
func (f failing) ReadFrom(src io.Reader) (int64, error) {
	n, _ := io.Copy(io.Discard, src)
	return n, f.err
}
func (f failing) FlushError() error                            { return f.err }
func (f failing) Flush()                                       {}
func (f failing) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, f.err }

func TestWritesThatFail(t *testing.T) {
	broken := &net.OpError{Op: "write", Err: errors.New("broken pipe")}
	write := func(w http.ResponseWriter) { w.Write([]byte("x")) }
	stream := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Write([]byte("x"))
	}
	for _, test := range []struct {
		name   string
		err    error
		handle func(w http.ResponseWriter)
		status int
	}{
		{"the client is gone", broken, write, wire.ClientClosed},
		{"at a flush", broken, func(w http.ResponseWriter) { w.WriteHeader(200); w.(http.Flusher).Flush() }, wire.ClientClosed},
		{"a stream ends so", broken, stream, 200},
		{"no body is allowed", http.ErrBodyNotAllowed, func(w http.ResponseWriter) { w.WriteHeader(304); w.Write([]byte("x")) }, 304},
		{"more than was declared", http.ErrContentLength, write, 200},
		{"the connection was taken over", http.ErrHijacked, write, 200},
		{"http.TimeoutHandler gave up", http.ErrHandlerTimeout, write, 503},
		{"the source of a copy fails", broken, func(w http.ResponseWriter) { w.(io.ReaderFrom).ReadFrom(http.NoBody) }, 200},
	} {
		m, sink := monitor(t)
		m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { test.handle(w) })).
			ServeHTTP(failing{least{make(http.Header)}, test.err}, httptest.NewRequest("GET", "/", nil))
		if got := one(t, m, sink); got.Status != test.status {
			t.Errorf("%s: recorded %+v", test.name, got)
		}
	}
}

// TestCopyToAClientThatLeft: ReadFrom's error is the client's if the context ended.
func TestCopyToAClientThatLeft(t *testing.T) {
	m, sink := monitor(t)
	ctx, cancel := context.WithCancel(context.Background())
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		cancel()
		w.(io.ReaderFrom).ReadFrom(http.NoBody)
	})).ServeHTTP(failing{least{make(http.Header)}, io.ErrClosedPipe}, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if got := one(t, m, sink); got.Status != wire.ClientClosed {
		t.Errorf("recorded %+v", got)
	}
}

func TestTimeoutHandlerAnswers(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"the handler writes too late": func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Millisecond)
			io.WriteString(w, "x")
		},
		"the handler gives up as well": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		synctest.Test(t, func(t *testing.T) {
			m, sink := monitor(t)
			returned := make(chan struct{})
			inner := m.Middleware(handle)
			w := do(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				inner.ServeHTTP(w, r)
			}), time.Second, "late"), "GET", "/")
			<-returned
			if got := one(t, m, sink); w.Code != 503 || got.Status != 503 {
				t.Errorf("%s: answered %d, recorded %+v", name, w.Code, got)
			}
		})
	}
}

// TestNilPanicIsOne: GODEBUG=panicnil=1 keeps what Go did before 1.21.
func TestNilPanicIsOne(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	for _, gone := range []bool{false, true} {
		m, sink := monitor(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		panicked := true
		func() {
			defer func() { recover() }()
			m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if gone {
					cancel()
				}
				panic(nil)
			})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			panicked = false
		}()
		if got := one(t, m, sink); !panicked || got.Status != 500 {
			t.Errorf("gone %v: panicked %v, recorded %+v", gone, panicked, got)
		}
	}
}

// TestGoexitGoesOn: a handler that ends its goroutine does so whether its client
// is there or not.
func TestGoexitGoesOn(t *testing.T) {
	m, sink := monitor(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done := make(chan bool)
	go func() {
		ended := true
		defer func() { done <- ended }()
		m.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
		ended = false
	}()
	if !<-done {
		t.Error("the goroutine went on")
	}
	if got := one(t, m, sink); got.Status != 500 {
		t.Errorf("recorded %+v", got)
	}
}
