package kymo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// flushed fails the test unless Flush succeeds and takes as long as it should.
func flushed(t *testing.T, m *Monitor, want time.Duration) {
	t.Helper()
	began := time.Now()
	if err := m.Flush(t.Context()); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if took := time.Since(began); took != want {
		t.Errorf("Flush took %v, want %v", took, want)
	}
}

func TestFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		flushed(t, m, 0)
		if n := sink.tried(); n != 0 {
			t.Errorf("%d attempts without requests", n)
		}
		h := m.Middleware(nothing)
		for i := range 3 {
			for j := range maxBatch + 1 {
				do(h, "GET", "/")
				if j%100 == 0 {
					synctest.Wait() // or a single processor may fill a buffer before the collector runs
				}
			}
			flushed(t, m, 0)
			n := uint64((i + 1) * (maxBatch + 1))
			balanced(t, m, n, n, 0)
		}
	})
}

func TestFlushWaitsUntilItIsDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		sink.before = func(context.Context, int) error { time.Sleep(700 * time.Millisecond); return nil }
		h := m.Middleware(nothing)
		do(h, "GET", "/")
		flushed(t, m, 700*time.Millisecond)
		balanced(t, m, 1, 1, 0)
		// A batch that is under way and one behind it.
		do(h, "GET", "/")
		time.Sleep(collectEvery - 600*time.Millisecond)
		do(h, "GET", "/")
		flushed(t, m, 1300*time.Millisecond)
		balanced(t, m, 3, 3, 0)
	})
}

func TestFlushOfDroppedRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		sink.before = func(_ context.Context, attempt int) error {
			if attempt == 1 {
				return ErrRejected
			}
			return nil
		}
		do(m.Middleware(nothing), "GET", "/")
		flushed(t, m, 0)
		balanced(t, m, 1, 0, 1)
	})
}

func TestFlushWhileTheHubIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		var away atomic.Bool
		away.Store(true)
		sink.before = func(context.Context, int) error {
			if away.Load() {
				return errAway
			}
			return nil
		}
		do(m.Middleware(nothing), "GET", "/")
		cause := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 3*time.Second, cause)
		defer cancel()
		began := time.Now()
		err := m.Flush(ctx)
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "1 requests") || time.Since(began) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if err := m.Flush(ctx); !errors.Is(err, cause) || time.Since(began) != 3*time.Second {
			t.Errorf("with a context that is done: %v", err)
		}
		balanced(t, m, 1, 0, 0)
		// In a long outage each Flush has the hub tried once more, and not again and again.
		time.Sleep(10 * time.Minute)
		for range 20 {
			before := sink.tried()
			ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
			m.Flush(ctx)
			cancel()
			if n := sink.tried() - before; n > 1 {
				t.Errorf("%d attempts in a nanosecond", n)
			}
		}
		away.Store(false)
		flushed(t, m, 0)
		balanced(t, m, 1, 1, 0)
	})
}

func TestFlushHeedsRetryAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		sink.before = func(_ context.Context, attempt int) error {
			if attempt == 1 {
				return &hubError{status: 503, after: 5 * time.Second}
			}
			return nil
		}
		do(m.Middleware(nothing), "GET", "/")
		began := time.Now()
		if err := m.Flush(t.Context()); err != nil || time.Since(began) < 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestFlushAndClose(t *testing.T) {
	t.Run("after", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m, _ := monitor(t)
			closeMonitor(t, m)
			flushed(t, m, 0)
			m = New("test", WithSink(unusable{errAway}), WithLogger(slog.New(slog.DiscardHandler)))
			do(m.Middleware(nothing), "GET", "/")
			left := m.Close(t.Context())
			if err := m.Flush(t.Context()); err != left || left == nil {
				t.Errorf("Flush returned %v, Close %v", err, left)
			}
		})
	})
	t.Run("during", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			m := New("test", WithSink(unusable{errAway}), WithLogger(slog.New(slog.DiscardHandler)))
			do(m.Middleware(nothing), "GET", "/")
			errs := make(chan error, 3)
			go func() { errs <- m.Flush(t.Context()) }()
			synctest.Wait()
			go func() { errs <- m.Close(t.Context()) }()
			synctest.Wait()
			go func() { errs <- m.Flush(t.Context()) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			if err := m.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			a, b, c := <-errs, <-errs, <-errs
			if a == nil || a != b || b != c || time.Since(began) != closeTime {
				t.Errorf("after %v: %v; %v; %v", time.Since(began), a, b, c)
			}
		})
	})
}

// Each Flush finds the requests before it shipped, whatever others do; when the
// monitor is closed meanwhile, nothing hangs and nothing is lost uncounted.
func TestFlushUnderLoad(t *testing.T) {
	sink := new(memory)
	m := New("test", WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
	h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { SetUser(w, r.URL.Path[1:]) }))
	var wg sync.WaitGroup
	half := make(chan struct{}, 4)
	failures := make(chan error, 400)
	for g := range cap(half) {
		wg.Go(func() {
			for i := range 100 {
				user := fmt.Sprint(g, "-", i)
				before := m.Stats().Dropped
				do(h, "GET", "/"+user)
				if err := m.Flush(context.Background()); err != nil {
					failures <- err
				}
				if m.Stats().Dropped == before && !hasUser(sink.kept(), user) {
					t.Errorf("the request of %s was not shipped", user)
				}
				if i == 50 {
					half <- struct{}{}
				}
			}
		})
	}
	for range cap(half) {
		<-half
	}
	left := m.Close(context.Background()) // some requests may have come too late
	wg.Wait()
	close(failures)
	for err := range failures {
		if err != left {
			t.Errorf("Flush returned %v, Close %v", err, left)
		}
	}
	if s := m.Stats(); s.Recorded != 400 || s.Shipped+s.Dropped != 400 || s.Shipped < 200 || uint64(len(sink.kept())) != s.Shipped {
		t.Errorf("%d kept, stats %+v", len(sink.kept()), s)
	}
}

func hasUser(requests []wire.Request, user string) bool {
	for i := range requests {
		if requests[i].User == user {
			return true
		}
	}
	return false
}
