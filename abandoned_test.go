package kymo

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// TestHandlerThatWasAbandoned is a middleware that runs handlers in goroutines and
// answers when their time is over, without waiting for them: they return, without
// having touched the response, when the server has finished with it.
func TestHandlerThatWasAbandoned(t *testing.T) {
	for _, p := range protocols {
		for _, base := range []bool{false, true} {
			if base && p.name == "HTTP/2" {
				continue // net/http's writer for HTTP/2 cannot be asked then without a race
			}
			m, sink := monitor(t)
			answered := make(chan struct{})
			panicked := make(chan any)
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Pattern = "/slow"
				<-r.Context().Done()
				<-answered
			}))
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				go func() {
					defer func() { panicked <- recover() }()
					h.ServeHTTP(w, r)
				}()
				w.WriteHeader(504)
			}))
			if base {
				s.Config.BaseContext = func(net.Listener) context.Context { return context.Background() }
			}
			s.EnableHTTP2 = p.name == "HTTP/2"
			s.StartTLS()
			resp, _ := get(t, s.Client(), "GET", s.URL)
			close(answered)
			if v := <-panicked; v != nil || resp.StatusCode != 504 {
				t.Errorf("%s, base %v: answered %d, panicked: %v", p.name, base, resp.StatusCode, v)
			}
			s.Close()
			if got := one(t, m, sink); got.Status != wire.ClientClosed || got.Endpoint != "/slow" {
				t.Errorf("%s, base %v: recorded %+v", p.name, base, got)
			}
		}
	}
}

// finished is a writer whose server has finished the response.
type finished struct{ least }

func (finished) Header() http.Header { panic("Header called after Handler finished") }

func TestHandlerThatDoesNotAskForTheHeader(t *testing.T) {
	m, sink := monitor(t)
	m.Middleware(nothing).ServeHTTP(finished{}, httptest.NewRequest("GET", "/", nil))
	if got := one(t, m, sink); got.Status != 200 {
		t.Errorf("recorded %+v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("Header did not panic")
		}
	}()
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(nil) })).
		ServeHTTP(finished{}, httptest.NewRequest("GET", "/", nil))
}

// locked is a writer that is safe for concurrent use. With the first byte it sends the
// header as it is then.
type locked struct {
	least
	mu   sync.Mutex
	sent http.Header
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil {
		l.sent = l.h.Clone()
	}
	return len(p), nil
}

// TestWritersOfOneResponse: the second of two writers does not send a header that the
// first is still changing.
func TestWritersOfOneResponse(t *testing.T) {
	m, _ := monitor(t)
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var writers sync.WaitGroup
		for range 3 {
			writers.Go(func() { w.Write([]byte("x")) })
		}
		writers.Wait()
	}))
	for range 500 {
		l := &locked{least: least{make(http.Header)}}
		h.ServeHTTP(l, httptest.NewRequest("GET", "/", nil))
		if l.sent.Get(responseTime) == "" {
			t.Fatal("sent without X-Response-Time")
		}
	}
}
