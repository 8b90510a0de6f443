package kymofiber

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/wire"
)

// sink keeps what was recorded.
type sink struct {
	m    *kymo.Monitor
	mu   sync.Mutex
	kept []wire.Request
	more chan struct{}
}

func (s *sink) Ship(_ context.Context, data []byte) error {
	var b wire.Batch
	if err := wire.Decode(data, &b); err != nil || b.Kind != wire.Kept {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Len() {
		s.kept = append(s.kept, b.Request(i))
	}
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

// wait returns the requests when there are n of them.
func (s *sink) wait(t *testing.T, n int) []wire.Request {
	t.Helper()
	if err := s.m.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(time.Minute); ; {
		s.mu.Lock()
		kept := append([]wire.Request(nil), s.kept...)
		s.mu.Unlock()
		if len(kept) > n {
			t.Fatalf("%d requests were recorded, want %d: %+v", len(kept), n, kept)
		}
		if len(kept) == n {
			return kept
		}
		select {
		case <-s.more:
		case <-deadline:
			t.Fatalf("%d requests were recorded, want %d: %+v", len(kept), n, kept)
		}
	}
}

// one returns the only request when it was recorded.
func (s *sink) one(t *testing.T) wire.Request {
	t.Helper()
	return s.wait(t, 1)[0]
}

func monitor(t *testing.T, opts ...kymo.Option) (*kymo.Monitor, *sink) {
	t.Helper()
	s := &sink{more: make(chan struct{}, 1)}
	m := kymo.New("test", append(opts, kymo.WithSink(s), kymo.WithLogger(slog.New(slog.DiscardHandler)))...)
	s.m = m
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return m, s
}
