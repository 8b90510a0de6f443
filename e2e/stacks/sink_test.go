package stacks

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/internal/wire"
)

// record is a request as it was shipped.
type record = wire.Request

const unmatched = wire.Unmatched

// sink keeps what a monitor ships.
type sink struct {
	mu      sync.Mutex
	records []record
	more    chan struct{} // has a value when records came
	count   int           // of records, kept or not
	forget  bool          // only count
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1)} }

func (s *sink) Ship(_ context.Context, data []byte) error {
	var b wire.Batch
	if err := wire.Decode(data, &b); err != nil {
		return err
	}
	if b.Kind != wire.Kept {
		return nil
	}
	s.mu.Lock()
	s.count += b.Len()
	for i := range b.Len() {
		if s.forget {
			break
		}
		r := b.Request(i)
		r.Endpoint, r.User = strings.Clone(r.Endpoint), strings.Clone(r.User)
		s.records = append(s.records, r)
	}
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

func (s *sink) kept() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]record(nil), s.records...)
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// wait flushes m until n requests were shipped, or gives up after patience.
func (s *sink) wait(m *kymo.Monitor, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for s.len() < n && ctx.Err() == nil {
		m.Flush(ctx)
	}
}

// patience bounds everything that has to happen soon, on a machine that is busy.
const patience = 20 * time.Second

// lines is a log that can be read.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(p))
	return len(p), nil
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.text...)
}

// monitor returns a monitor that ships to the sink and reports to the log.
func monitor() (*kymo.Monitor, *sink, *lines) {
	s, l := newSink(), new(lines)
	return kymo.New("stacks", kymo.WithSink(s), kymo.WithLogger(slog.New(slog.NewTextHandler(l, nil)))), s, l
}

func closeMonitor(t *testing.T, m *kymo.Monitor) {
	t.Helper()
	if err := m.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
}
