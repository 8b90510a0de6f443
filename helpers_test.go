package kymo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// memory is a sink that keeps batches as a hub does: each identity once.
type memory struct {
	mu         sync.Mutex
	requests   []wire.Request
	drops      []wire.Drop
	seen       map[uint64]bool
	order      []uint64
	attempts   int
	health     []wire.HealthResult
	heartbeats []wire.Batch
	refuse     error // what it answers to heartbeats
	// before, if set, is asked before each attempt, the first being 1.
	before func(ctx context.Context, attempt int) error
	// after returns the answer to send when the batch has been kept.
	after func(attempt int) error
}

func (s *memory) Ship(ctx context.Context, data []byte) error {
	var b wire.Batch
	malformed := wire.Decode(data, &b)
	if b.Kind != wire.Kept {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heartbeats = append(s.heartbeats, b)
		return s.refuse
	}
	s.mu.Lock()
	s.attempts++
	attempt := s.attempts
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, attempt); err != nil {
			return err
		}
	}
	if malformed != nil {
		return errors.Join(malformed, ErrRejected)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[uint64]bool)
	}
	if !s.seen[b.Sequence] {
		s.seen[b.Sequence] = true
		s.order = append(s.order, b.Sequence)
		for i := range b.Len() {
			s.requests = append(s.requests, b.Request(i))
		}
		s.drops = append(s.drops, b.Drops...)
		s.health = append(s.health, b.Health...)
	}
	if s.after != nil {
		return s.after(attempt)
	}
	return nil
}

func (s *memory) told() []wire.Drop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Drop(nil), s.drops...)
}

func (s *memory) dropped() (n uint64) {
	for _, d := range s.told() {
		n += d.Count
	}
	return n
}

func (s *memory) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts
}

func (s *memory) kept() []wire.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Request(nil), s.requests...)
}

// monitor returns a monitor named "test" whose batches come to the sink.
func monitor(t testing.TB, opts ...Option) (*Monitor, *memory) {
	t.Helper()
	sink := new(memory)
	m := New("test", append([]Option{WithSink(sink), WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	t.Cleanup(func() { closeMonitor(t, m) })
	return m, sink
}

func closeMonitor(t testing.TB, m *Monitor) {
	t.Helper()
	if err := m.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// one closes the monitor and returns the only request that it recorded.
func one(t *testing.T, m *Monitor, sink *memory) wire.Request {
	t.Helper()
	closeMonitor(t, m)
	kept := sink.kept()
	if len(kept) != 1 {
		t.Fatalf("%d requests were kept, want 1: %+v", len(kept), kept)
	}
	return kept[0]
}

// protocols are the ways of net/http to serve.
var protocols = []struct {
	name   string
	server func(h http.Handler) *httptest.Server
}{
	{"HTTP/1", httptest.NewServer},
	{"HTTP/2", func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		s.StartTLS()
		return s
	}},
}

// serve runs h on a real server until the returned function is called, which
// waits for the handlers.
func serve(t *testing.T, h http.Handler) (*httptest.Server, func()) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	t.Cleanup(s.Close)
	return s, s.Close
}

// get makes a request and returns the response with its body read.
func get(t *testing.T, c *http.Client, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Transport.RoundTrip(req) // redirects are not followed
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// logs is a log that a test can read.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.b.Bytes(), []byte(s))
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// do serves a request without a network.
func do(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// routed is nothing with a route, so that the monitor has nothing to log.
var routed = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "/routed" })

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
