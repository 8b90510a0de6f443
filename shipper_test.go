package kymo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/wire"
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

func TestShipsEverySecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		h := m.Middleware(nothing)
		do(h, "GET", "/")
		balanced(t, m, 1, 0, 0)
		time.Sleep(collectEvery)
		synctest.Wait()
		balanced(t, m, 1, 1, 0)
		do(h, "GET", "/")
		time.Sleep(collectEvery)
		synctest.Wait()
		balanced(t, m, 2, 2, 0)
		if fmt.Sprint(sink.order) != "[1 2]" || m.Stats().Batches != 2 {
			t.Errorf("sequences %v", sink.order)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := sink.tried(); n != 2 {
			t.Errorf("%d attempts without requests", n)
		}
	})
}

func TestHalfFullBufferDoesNotWaitForTheSecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		began := time.Now()
		h := m.Middleware(nothing)
		for range 3 * maxBatch {
			do(h, "GET", "/")
			synctest.Wait()
		}
		if time.Since(began) != 0 || len(sink.kept()) < maxBatch || len(sink.kept())%maxBatch != 0 {
			t.Errorf("%d kept after %v", len(sink.kept()), time.Since(began))
		}
		closeMonitor(t, m)
		balanced(t, m, 3*maxBatch, 3*maxBatch, 0)
	})
}

func TestHalfFullTextWakesTheCollector(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, _ := monitor(t)
		user := strings.Repeat("u", wire.MaxUser)
		h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { SetUser(w, user) }))
		for range bufferedRecords {
			do(h, "GET", "/")
			synctest.Wait()
		}
		closeMonitor(t, m)
		balanced(t, m, bufferedRecords, bufferedRecords, 0)
	})
}

func TestFullBufferDropsAndTells(t *testing.T) {
	for name, user := range map[string]string{"records": "", "text": strings.Repeat("u", wire.MaxUser)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, sink := monitor(t)
				synctest.Wait()
				// Nothing in this bubble waits between the requests, but the collector
				// may run beside them: how many are dropped is not certain.
				small := func() buffer { return buffer{records: make([]record, 10), text: make([]byte, 0, 10*wire.MaxUser-1)} }
				for i := range m.recorder.shards {
					m.recorder.shards[i].take(small())
				}
				for range 15 {
					rec := record{total: 1, first: 1, pattern: "/", method: 1, status: 200}
					if m.recorder.shards[0].put(&rec, user, "", "") {
						m.recorder.signal()
					}
				}
				closeMonitor(t, m)
				s := m.Stats()
				if s.Recorded != 15 || s.Dropped > 6 || s.Pending != 0 || sink.dropped() != s.Dropped || uint64(len(sink.kept())) != s.Shipped {
					t.Errorf("%d kept, %d drops told, stats %+v", len(sink.kept()), sink.dropped(), s)
				}
			})
		})
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
			if log.count("does not take") != 1 || log.count("again") != 1 {
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
			if attempt <= 2 {
				return fmt.Errorf("too new: %w", ErrRejected)
			}
			return nil
		}
		h := m.Middleware(nothing)
		began := time.Now()
		for range 2 { // both are rejected, the second with the count of the first
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
		if n := sink.tried(); n != 2 {
			t.Errorf("%d attempts: a count alone must not go around", n)
		}
		time.Sleep(maxBackoff)
		synctest.Wait()
		if told := sink.told(); len(told) != 1 || told[0] != (wire.Drop{Service: "test", At: began.Truncate(dropSpan).UnixMilli(), Count: 2}) {
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

func TestFullQueueDropsTheNewBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t, WithQueue(minQueue))
		var back atomic.Bool
		sink.before = func(context.Context, int) error {
			if !back.Load() {
				return errAway
			}
			return nil
		}
		n := 0
		users := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n++
			SetUser(w, fmt.Sprintf("%0200d", n))
		}))
		for m.Stats().Dropped == 0 {
			for range 100 {
				do(users, "GET", "/")
			}
			time.Sleep(collectEvery)
			synctest.Wait()
		}
		if q := m.Stats().Queued; q > minQueue || q < minQueue/2 {
			t.Errorf("%d bytes queued", q)
		}
		lost := m.Stats().Dropped
		back.Store(true)
		time.Sleep(2 * maxBackoff)
		closeMonitor(t, m)
		balanced(t, m, uint64(n), uint64(n)-lost, lost)
		kept := sink.kept()
		first := slices.ContainsFunc(kept, func(r wire.Request) bool { return r.User == fmt.Sprintf("%0200d", 1) })
		if uint64(len(kept)) != uint64(n)-lost || !first || sink.dropped() != lost {
			t.Errorf("%d of %d kept, %d drops told of %d", len(kept), n, sink.dropped(), lost)
		}
	})
}

func TestDropsForWantOfRoomAreToldAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := new(memory)
		m := New("test", WithSink(sink), WithQueue(minQueue), WithLogger(slog.New(slog.DiscardHandler)))
		sink.before = func(context.Context, int) error {
			if _, closed := m.shipper.queue.head(); !closed {
				return errAway
			}
			return nil
		}
		h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			SetUser(w, fmt.Sprintf("%p%0200d", r, time.Now().UnixNano()))
		}))
		for m.Stats().Dropped == 0 {
			for range 300 {
				do(h, "GET", "/")
			}
			time.Sleep(collectEvery)
			synctest.Wait()
		}
		// One more that the last drain cannot place either.
		for range 300 {
			do(h, "GET", "/")
		}
		if err := m.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "300 requests") {
			t.Error(err)
		}
		if s := m.Stats(); sink.dropped() != s.Dropped || s.Pending != 0 {
			t.Errorf("told %d, stats %+v", sink.dropped(), s)
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

func TestDropsRememberWhen(t *testing.T) {
	d := drops{service: "test"}
	base := time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC)
	d.add(base, 0)
	d.add(base, 1)
	d.add(base.Add(time.Second), 2)
	d.add(base.Add(dropSpan), 4)
	taken := d.take()
	if len(taken) != 2 || taken[0].Count != 3 || taken[1].Count != 4 || d.take() != nil {
		t.Errorf("%+v", taken)
	}
	for i := range 2 * maxDropSpans {
		d.add(base.Add(time.Duration(i+1)*dropSpan), 1)
	}
	d.restore(taken)
	total := uint64(0)
	for _, span := range d.spans {
		total += span.Count
	}
	if len(d.spans) != maxDropSpans || total != 2*maxDropSpans+7 {
		t.Errorf("%d spans, %d drops", len(d.spans), total)
	}
}
