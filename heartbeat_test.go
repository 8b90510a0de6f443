package kymo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
)

// News do not wait for the next ten seconds.
func TestNewsAreToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		broken, probe := switchable()
		m.Check("database", probe, health.Every(time.Second), health.Thresholds(1, 1))
		time.Sleep(30500 * time.Millisecond)
		broken.Store(true)
		time.Sleep(1100 * time.Millisecond)
		_, heartbeats := sink.healthTold()
		if last := heartbeats[len(heartbeats)-1]; last.Health[1].Status != health.Down {
			t.Errorf("after a second: %+v", last.Health[1])
		}
	})
}

// A hub that is away gets no heartbeats, which would be stale when it is back; the
// history waits for it.
func TestHealthWhileTheHubIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		var away atomic.Bool
		sink.before = func(context.Context, int) error {
			if away.Load() {
				return errors.New("away")
			}
			return nil
		}
		_, probe := switchable()
		m.Check("database", probe, health.Every(time.Second))
		time.Sleep(90 * time.Second)
		away.Store(true)
		time.Sleep(10 * time.Minute)
		_, heartbeats := sink.healthTold()
		before := len(heartbeats)
		time.Sleep(5 * time.Minute)
		if _, heartbeats = sink.healthTold(); len(heartbeats) != before {
			t.Errorf("told %d times while the hub was away", len(heartbeats)-before)
		}
		away.Store(false)
		time.Sleep(time.Minute)
		history, heartbeats := sink.healthTold()
		if len(heartbeats) == before {
			t.Error("not told after it was back")
		}
		for i := 1; i < len(history); i++ {
			if history[i].From != history[i-1].To {
				t.Errorf("a gap between %+v and %+v", history[i-1], history[i])
			}
		}
		if span := history[len(history)-1].To - history[0].From; span < 15*time.Minute.Milliseconds() {
			t.Errorf("the history is of %d ms", span)
		}
	})
}

// A hub of an earlier version rejects what it cannot read. It costs no request.
func TestHealthRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := new(memory)
		refused := 0
		m := New("test", WithSink(sinkFunc(func(ctx context.Context, data []byte) error {
			if data[4] > 1 {
				refused++
				return fmt.Errorf("too new: %w", ErrRejected)
			}
			return sink.Ship(ctx, data)
		})), WithLogger(slog.New(slog.DiscardHandler)))
		_, probe := switchable()
		m.Check("database", probe, health.Every(time.Second))
		h := m.Middleware(http.NotFoundHandler())
		for range 300 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			time.Sleep(time.Second)
		}
		closeMonitor(t, m)
		s := m.Stats()
		if len(sink.kept()) != 300 || s.Shipped != 300 || s.Dropped != 0 || s.HealthDropped < 5 {
			t.Errorf("%d requests kept, %+v", len(sink.kept()), s)
		}
		if refused > 10 {
			t.Errorf("the hub was asked %d times in 5 minutes for what it does not know", refused)
		}
	})
}

type sinkFunc func(context.Context, []byte) error

func (f sinkFunc) Ship(ctx context.Context, data []byte) error { return f(ctx, data) }

// A sink that panics is contained.
func TestHeartbeatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New("test", WithSink(sinkFunc(func(context.Context, []byte) error { panic("oh") })), WithLogger(slog.New(slog.DiscardHandler)))
		time.Sleep(3 * time.Second)
		if n := m.Stats().Panics; n != 1 {
			t.Errorf("%d panics", n)
		}
		closeMonitor(t, m)
	})
}
