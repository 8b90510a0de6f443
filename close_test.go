package kymo

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClose(t *testing.T) {
	t.Run("hub away", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			sink := &memory{before: func(context.Context, int) error { return errAway }}
			m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
			h := m.Middleware(nothing)
			do(h, "GET", "/")
			do(h, "GET", "/")
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			began := time.Now()
			err := m.Close(ctx)
			if time.Since(began) != 3*time.Second || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 requests") {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			if again := m.Close(context.Background()); again != err {
				t.Errorf("the second Close returned %v", again)
			}
			balanced(t, m, 2, 0, 0)
			if w := do(h, "GET", "/"); w.Header().Get("X-Response-Time") != "0ms" {
				t.Errorf("after Close: %v", w.Header())
			}
			balanced(t, m, 3, 0, 1)
		})
	})
	t.Run("without a deadline", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := New("test", WithSink(unusable{errAway}), WithLogger(slog.New(slog.DiscardHandler)))
			do(m.Middleware(nothing), "GET", "/")
			began := time.Now()
			if err := m.Close(context.Background()); err == nil || time.Since(began) != closeTime {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	})
	t.Run("in a long backoff", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m, sink := monitor(t)
			sink.before = func(_ context.Context, attempt int) error {
				if attempt == 1 {
					return &hubError{status: 503, after: maxRetryAfter}
				}
				return nil
			}
			do(m.Middleware(nothing), "GET", "/")
			time.Sleep(2 * collectEvery)
			began := time.Now()
			closeMonitor(t, m)
			if time.Since(began) != 0 {
				t.Errorf("Close took %v", time.Since(began))
			}
		})
	})
	t.Run("rejected", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			sink := &memory{before: func(context.Context, int) error { return ErrRejected }}
			m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
			do(m.Middleware(nothing), "GET", "/")
			if err := m.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "1 requests") {
				t.Error(err)
			}
			balanced(t, m, 1, 0, 1)
		})
	})
	t.Run("sink that does not obey", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			sink := &memory{before: func(context.Context, int) error { <-release; return errAway }}
			m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
			do(m.Middleware(nothing), "GET", "/")
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			began := time.Now()
			if err := m.Close(ctx); err == nil || time.Since(began) > time.Second+stopGrace {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			close(release)
		})
	})
	t.Run("nothing recorded", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := New("test", WithSink(unusable{errAway}))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := m.Close(ctx); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("under load", func(t *testing.T) {
		sink := new(memory)
		m := New("test", WithSink(sink))
		h := m.Middleware(nothing)
		var wg sync.WaitGroup
		started := make(chan struct{}, 4)
		for range cap(started) {
			wg.Go(func() {
				for i := range 2000 {
					do(h, "GET", "/")
					if i == 100 {
						started <- struct{}{}
					}
				}
			})
		}
		for range cap(started) {
			<-started
		}
		m.Close(context.Background())
		wg.Wait()
		if s := m.Stats(); s.Recorded != 8000 || s.Shipped+s.Dropped != 8000 || uint64(len(sink.kept())) != s.Shipped || s.Shipped == 0 {
			t.Errorf("%d kept, stats %+v", len(sink.kept()), s)
		}
	})
}

func TestPanicsAreContained(t *testing.T) {
	t.Run("sink", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m, sink := monitor(t)
			sink.before = func(_ context.Context, attempt int) error {
				if attempt < 3 {
					panic("sink")
				}
				return nil
			}
			do(m.Middleware(nothing), "GET", "/")
			time.Sleep(collectEvery)
			synctest.Wait()
			if s := m.Stats(); s.Panics != 1 || !strings.Contains(s.LastError, "sink panicked") {
				t.Errorf("stats %+v", s)
			}
			time.Sleep(maxBackoff)
			closeMonitor(t, m)
			balanced(t, m, 1, 1, 0)
		})
	})
	t.Run("logger", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m, _ := monitor(t, WithLogger(slog.New(panicking{})), WithQueue(1))
			do(m.Middleware(routed), "GET", "/")
			closeMonitor(t, m)
			if s := m.Stats(); s.Panics != 1 || s.Shipped != 1 {
				t.Errorf("stats %+v", s)
			}
		})
	})
	t.Run("collector", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m, sink := monitor(t)
			h := m.Middleware(nothing)
			synctest.Wait()
			m.shipper.collector.encoder.keys = nil // any bug will do
			do(h, "GET", "/")
			time.Sleep(collectEvery)
			synctest.Wait()
			balanced(t, m, 1, 0, 1)
			do(h, "GET", "/")
			closeMonitor(t, m)
			balanced(t, m, 2, 1, 1)
			if m.Stats().Panics != 1 || sink.dropped() != 1 {
				t.Errorf("told %d, stats %+v", sink.dropped(), m.Stats())
			}
		})
	})
}

// panicking is a log handler with a bug.
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool  { return true }
func (panicking) Handle(context.Context, slog.Record) error { panic("log") }
