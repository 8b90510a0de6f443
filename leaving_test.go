package kymo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// farewell is a sink that notes what came when, in an order to be compared.
type farewell struct {
	answer func(ctx context.Context, b *wire.Batch) error

	mu   sync.Mutex
	kept []wire.Kind // of what was answered with nil
}

func (s *farewell) Ship(ctx context.Context, data []byte) error {
	var b wire.Batch
	if err := wire.Decode(data, &b); err != nil {
		return err
	}
	if err := s.answer(ctx, &b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, b.Kind)
	return nil
}

func hang(ctx context.Context, _ *wire.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

// An instance that stops on purpose says so, whatever the hub's state before.
func TestLeavingHeartbeat(t *testing.T) {
	const closing = 4 * time.Second
	type answer = func(ctx context.Context, b *wire.Batch) error
	for _, test := range []struct {
		name   string
		answer func(closed time.Time) answer // closed is when Close is called
		early  bool                          // a batch is tried before Close is called
		took   time.Duration                 // Close; -1 for less than all its time
		want   []wire.Kind                   // what the sink takes after Close was called
	}{
		{"all is well", func(time.Time) answer {
			return func(context.Context, *wire.Batch) error { return nil }
		}, false, 0, []wire.Kind{wire.Kept, wire.Leaving}},
		{"the hub comes back during Close", func(closed time.Time) answer {
			return func(context.Context, *wire.Batch) error {
				if time.Since(closed) < 200*time.Millisecond {
					return errAway
				}
				return nil
			}
		}, false, -1, []wire.Kind{wire.Kept, wire.Leaving}},
		{"it comes back when the heartbeat has failed", func(closed time.Time) answer {
			return func(context.Context, *wire.Batch) error {
				if time.Since(closed) < closing-leavingTime+time.Millisecond {
					return errAway
				}
				return nil
			}
		}, false, -1, []wire.Kind{wire.Kept, wire.Leaving}},
		{"it takes no batches", func(time.Time) answer {
			return func(_ context.Context, b *wire.Batch) error {
				if b.Kind == wire.Kept {
					return &hubError{status: 503, after: maxRetryAfter}
				}
				return nil
			}
		}, false, closing, []wire.Kind{wire.Leaving}},
		{"it takes batches again in the last moment", func(closed time.Time) answer {
			return func(_ context.Context, b *wire.Batch) error {
				if b.Kind == wire.Kept && time.Since(closed) < closing-leavingTime+time.Millisecond {
					return errAway
				}
				return nil
			}
		}, false, -1, []wire.Kind{wire.Leaving, wire.Kept}},
		{"it does not answer to batches", func(time.Time) answer {
			return func(ctx context.Context, b *wire.Batch) error {
				if b.Kind == wire.Kept {
					return hang(ctx, b)
				}
				return nil
			}
		}, false, closing, []wire.Kind{wire.Leaving}},
		{"it rejects batches after it failed", func(closed time.Time) answer {
			return func(_ context.Context, b *wire.Batch) error {
				switch {
				case time.Since(closed) < 0:
					return errAway
				case b.Kind == wire.Kept:
					return ErrRejected
				}
				return nil
			}
		}, true, 0, []wire.Kind{wire.Leaving}},
		{"it rejected heartbeats before", func(closed time.Time) answer {
			return func(_ context.Context, b *wire.Batch) error {
				if time.Since(closed) < 0 && b.Kind != wire.Kept {
					return ErrRejected
				}
				return nil
			}
		}, false, 0, []wire.Kind{wire.Kept, wire.Leaving}},
		{"it does not answer at all", func(time.Time) answer { return hang }, true, closing, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Between two seconds, at which requests are collected.
				const before = time.Minute + 500*time.Millisecond
				sink := &farewell{answer: test.answer(time.Now().Add(before))}
				m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
				time.Sleep(before - time.Second)
				if test.early {
					do(m.Middleware(nothing), "GET", "/")
				}
				time.Sleep(time.Second - time.Millisecond)
				do(m.Middleware(nothing), "GET", "/")
				time.Sleep(time.Millisecond)
				sink.mu.Lock()
				sink.kept = nil
				sink.mu.Unlock()
				ctx, cancel := context.WithTimeout(t.Context(), closing)
				defer cancel()
				began := time.Now()
				m.Close(ctx)
				took := time.Since(began)
				if took != test.took && (test.took >= 0 || took >= closing) {
					t.Errorf("Close took %v", took)
				}
				synctest.Wait()
				if !slices.Equal(sink.kept, test.want) {
					t.Errorf("the sink took %v, want %v", sink.kept, test.want)
				}
			})
		})
	}
}

// The context that Close gets is often the one whose end made the service stop.
func TestLeavingHeartbeatWithoutTime(t *testing.T) {
	for name, answer := range map[string]func(context.Context, *wire.Batch) error{
		"answers": func(context.Context, *wire.Batch) error { return nil },
		"hangs":   hang,
		"is slow": func(ctx context.Context, b *wire.Batch) error {
			if b.Kind == wire.Kept {
				return hang(ctx, b)
			}
			time.Sleep(stopGrace / 2)
			return ctx.Err()
		},
	} {
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(name, early), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sink := &farewell{answer: answer}
					m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
					synctest.Wait()
					do(m.Middleware(nothing), "GET", "/")
					ctx, cancel := context.WithCancel(t.Context())
					began := time.Now()
					if early {
						cancel()
					} else {
						time.AfterFunc(0, cancel)
					}
					m.Close(ctx)
					if took := time.Since(began); took > stopGrace {
						t.Errorf("Close took %v", took)
					}
					synctest.Wait()
					if left := slices.Contains(sink.kept, wire.Leaving); left != (name != "hangs") {
						t.Errorf("the sink took %v", sink.kept)
					}
				})
			})
		}
	}
}

// A service without checks leaves like any other, before its first second, too.
func TestLeavingHeartbeatWithoutChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		closeMonitor(t, m)
		_, heartbeats := sink.healthTold()
		if len(heartbeats) != 1 {
			t.Fatalf("%d heartbeats", len(heartbeats))
		}
		b := heartbeats[0]
		if b.Kind != wire.Leaving || len(b.Health) != 1 || b.Health[0].Name() != "test" || b.Health[0].Status != health.Healthy {
			t.Errorf("got %+v", b)
		}
	})
}
