package kymo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

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
		other := func(d wire.Drop) bool { return d.Reason != wire.QueueFull }
		if uint64(len(kept)) != uint64(n)-lost || !first || sink.dropped() != lost || slices.ContainsFunc(sink.told(), other) {
			t.Errorf("%d of %d kept, %d drops: %+v", len(kept), n, lost, sink.told())
		}
	})
}

func TestDropsForWantOfRoomAreToldAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := new(memory)
		m := New("test", WithSink(sink), WithQueue(minQueue), WithLogger(slog.New(slog.DiscardHandler)))
		sink.before = func(context.Context, int) error {
			select {
			case <-m.shipper.phases.stopping:
				time.Sleep(time.Millisecond) // until the collector has drained
				return nil
			default:
				return errAway
			}
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
