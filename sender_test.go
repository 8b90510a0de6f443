package kymo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// errAway is the error of a hub that cannot be reached.
var errAway = errors.New("connection refused")

// bubble runs f with a fake clock. It fails if goroutines are left at the end.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Run("", func(t *testing.T) { synctest.Test(t, f) })
}

// balanced checks that every request is accounted for.
func balanced(t *testing.T, m *Monitor, recorded, shipped, dropped uint64) {
	t.Helper()
	s := m.Stats()
	if s.Recorded != recorded || s.Shipped != shipped || s.Dropped != dropped || s.Pending != recorded-shipped-dropped {
		t.Errorf("stats %+v; want %d recorded, %d shipped, %d dropped", s, recorded, shipped, dropped)
	}
}

func TestHubAway(t *testing.T) {
	for _, outage := range []time.Duration{10 * time.Second, time.Minute} {
		bubble(t, func(t *testing.T) {
			var log logs
			m, sink := monitor(t, WithLogger(log.logger()))
			until := time.Now().Add(outage)
			sink.before = func(context.Context, int) error {
				if time.Now().Before(until) {
					return fmt.Errorf("%w at %v", errAway, time.Now())
				}
				return nil
			}
			h := m.Middleware(nothing)
			n := 0
			for time.Now().Before(until.Add(2 * maxBackoff)) {
				began := time.Now()
				do(h, "GET", "/")
				n++
				if time.Since(began) != 0 {
					t.Fatal("a request waited")
				}
				time.Sleep(100 * time.Millisecond)
				if time.Now().Before(until) && n%100 == 0 && !strings.Contains(m.Stats().LastError, "refused") {
					t.Errorf("stats %+v", m.Stats())
				}
			}
			closeMonitor(t, m)
			balanced(t, m, uint64(n), uint64(n), 0)
			if m.Stats().LastError != "" || len(sink.kept()) != n {
				t.Errorf("%d of %d kept, stats %+v", len(sink.kept()), n, m.Stats())
			}
			for i, seq := range sink.order {
				if seq != uint64(i+1) {
					t.Fatalf("sequences %v", sink.order)
				}
			}
			if log.count("does not accept") != 1 || log.count("again") != 1 {
				t.Errorf("logged %s", log.b.String())
			}
		})
	}
}

func TestLostAcknowledgementCountsOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		sink.after = func(attempt int) error {
			if attempt%3 != 0 {
				return errAway // the batch is durable, the answer does not arrive
			}
			return nil
		}
		h := m.Middleware(nothing)
		for range 50 {
			do(h, "GET", "/")
			time.Sleep(collectEvery)
		}
		closeMonitor(t, m)
		balanced(t, m, 50, 50, 0)
		if len(sink.kept()) != 50 {
			t.Errorf("%d kept", len(sink.kept()))
		}
	})
}

func TestSlowHub(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		sink.before = func(ctx context.Context, attempt int) error {
			d := 4 * time.Second
			if attempt == 1 {
				d = time.Hour // it hangs, and the attempt is given up
			}
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		h := m.Middleware(nothing)
		for range 20 {
			do(h, "GET", "/")
			time.Sleep(500 * time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := m.Close(ctx); err != nil {
			t.Error(err)
		}
		balanced(t, m, 20, 20, 0)
		if len(sink.kept()) != 20 {
			t.Errorf("%d kept", len(sink.kept()))
		}
	})
}

func TestRejectedBatchIsDroppedAndTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log logs
		m, sink := monitor(t, WithLogger(log.logger()))
		sink.before = func(_ context.Context, attempt int) error {
			if attempt <= 3 {
				return fmt.Errorf("too new: %w", ErrRejected)
			}
			return nil
		}
		h := m.Middleware(nothing)
		began := time.Now()
		for range 2 { // both are rejected, and the count of the first after the second
			do(h, "GET", "/")
			time.Sleep(collectEvery)
			synctest.Wait()
		}
		balanced(t, m, 2, 0, 2)
		if !strings.Contains(m.Stats().LastError, "too new") || log.count("rejects") != 1 {
			t.Errorf("stats %+v, logged %s", m.Stats(), log.b.String())
		}
		time.Sleep(maxBackoff / 2)
		synctest.Wait()
		if n := sink.tried(); n != 3 {
			t.Errorf("%d attempts: a count alone must not go around", n)
		}
		time.Sleep(maxBackoff)
		synctest.Wait()
		if told := sink.told(); len(told) != 1 || told[0] != (wire.Drop{Service: "test", At: began.Truncate(10 * time.Second).UnixMilli(), Count: 2}) {
			t.Errorf("told %+v", told)
		}
		do(h, "GET", "/")
		closeMonitor(t, m)
		balanced(t, m, 3, 1, 2)
		if sink.dropped() != 2 {
			t.Errorf("told %+v", sink.told())
		}
	})
}

func TestBackoff(t *testing.T) {
	for attempt, limit := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond} {
		for range 100 {
			if d := backoff(attempt, errAway); d < 0 || d >= limit {
				t.Errorf("attempt %d waits %v", attempt, d)
			}
		}
	}
	for _, attempt := range []int{8, 1 << 40} {
		if d := backoff(attempt, errAway); d >= maxBackoff {
			t.Errorf("attempt %d waits %v", attempt, d)
		}
	}
	err := fmt.Errorf("wrapped: %w", &hubError{after: time.Second})
	if d := backoff(0, err); d < time.Second || d >= time.Second+minBackoff {
		t.Errorf("waits %v", d)
	}
}
