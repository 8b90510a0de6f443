package kymotest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/internal/wire"
)

// Request is a recorded request.
type Request struct {
	Service  string
	Endpoint string // the route's template, such as "/users/{id}", or "(unmatched)"
	Method   string // "_OTHER" if HTTP does not define it
	Status   int    // 499 if the client disconnected
	User     string // "" if unknown
	Error    string // the class of the error, "" if none was set

	Start time.Time // in UTC, to the millisecond
	// Duration is from the request's start to the handler's return. For a stream
	// or an upgraded connection it is the time to the first byte, and Lifetime the
	// time to the handler's return; otherwise Lifetime is 0.
	Duration  time.Duration
	Lifetime  time.Duration
	FirstByte time.Duration // from the request's start until the response's header was written
	Size      int64         // bytes of the response's body
}

// Sink keeps what monitors record, and what they log to its Logger. The zero value is
// ready to use with kymo.WithSink. A Sink is safe for concurrent use.
type Sink struct {
	flush func()

	mu       sync.Mutex
	seen     map[batch]bool
	requests []Request
	log      bytes.Buffer
}

// batch is the identity of a batch.
type batch struct {
	instance string
	sequence uint64
}

// New returns a monitor for the service "test" that ships and logs to the sink, unless
// opts change that. The monitor is closed when the test ends; the test fails if requests
// could not be shipped.
func New(t testing.TB, opts ...kymo.Option) (*kymo.Monitor, *Sink) {
	t.Helper()
	sink := new(Sink)
	m := newMonitor(sink, opts...)
	sink.flush = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := m.Flush(ctx); err != nil {
			t.Errorf("kymotest: flushing the monitor: %v", err)
		}
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("kymotest: closing the monitor: %v", err)
		}
	})
	return m, sink
}

// patience bounds all waiting.
const patience = 30 * time.Second

func newMonitor(sink *Sink, opts ...kymo.Option) *kymo.Monitor {
	return kymo.New("test", append([]kymo.Option{kymo.WithSink(sink), kymo.WithLogger(sink.Logger())}, opts...)...)
}

// Requests returns the requests recorded so far, ordered by start; those of the same
// millisecond are in no particular order. It flushes the monitor that New returned with
// the sink. Flush or close other monitors, which got the sink by kymo.WithSink, before.
//
// A request is recorded when its handler has returned, which may be a moment after its
// client has the response. Close the server before calling Requests.
func (s *Sink) Requests() []Request {
	if s.flush != nil {
		s.flush()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := slices.Clone(s.requests)
	slices.SortStableFunc(requests, func(a, b Request) int { return a.Start.Compare(b.Start) })
	return requests
}

// Logger returns a logger whose records Log returns.
func (s *Sink) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(logWriter{s}, nil)) }

// Log returns what was logged so far, in the format of slog.TextHandler.
func (s *Sink) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

type logWriter struct{ s *Sink }

func (w logWriter) Write(p []byte) (int, error) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.s.log.Write(p)
}

// Ship keeps a batch. It is called by monitors; see kymo.Sink.
func (s *Sink) Ship(_ context.Context, data []byte) error {
	var b wire.Batch
	if err := wire.Decode(data, &b); err != nil {
		return fmt.Errorf("kymotest: %w: %w", kymo.ErrRejected, err)
	}
	if b.Kind != wire.Kept {
		return nil // a heartbeat
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := batch{b.Instance, b.Sequence}
	if s.seen[id] {
		return nil
	}
	if s.seen == nil {
		s.seen = make(map[batch]bool)
	}
	s.seen[id] = true
	for i := range b.Len() {
		r := b.Request(i)
		s.requests = append(s.requests, Request{
			Service: r.Service, Endpoint: r.Endpoint, Method: r.Method, Status: r.Status, User: r.User, Error: r.Error,
			Start: time.UnixMilli(r.Start).UTC(), Duration: r.Duration, Lifetime: r.Lifetime,
			FirstByte: r.FirstByte, Size: r.Size,
		})
	}
	return nil
}
