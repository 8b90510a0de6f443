package core

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/text"
	"github.com/kymohq/kymo/internal/wire"
)

// mortal is a store whose hub can be killed: from then on it keeps nothing. Its hub does
// not close the store below it.
type mortal struct {
	store.Store
	dead atomic.Bool
}

func (m *mortal) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if m.dead.Load() {
		return nil, store.ErrUnavailable
	}
	return m.Store.Append(ctx, batches...)
}

func (m *mortal) Close() error { return nil }

// kill ends a hub like a signal would that leaves it no time.
func kill(t *testing.T, m *mortal, h *Hub) {
	t.Helper()
	m.dead.Store(true)
	if err := h.Close(t.Context()); err != nil && !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

// target is what a check probes: it is down, degraded or healthy as the test wants.
type target struct {
	status atomic.Int32
	runs   atomic.Int64
}

func (d *target) set(s health.Status) { d.status.Store(int32(s)) }

func (d *target) check(name string, rules health.Rules) config.Check {
	return config.Check{Name: name, Rules: rules, Probe: health.Func(func(context.Context) error {
		d.runs.Add(1)
		switch health.Status(d.status.Load()) {
		case health.Down:
			return errors.New("refused")
		case health.Degraded:
			return health.Degradedf("slow")
		case health.Unknown:
			return health.Unknownf("cannot tell")
		}
		return nil
	})}
}

// historyOf returns a check's history of the last two days.
func historyOf(t *testing.T, h *Hub, name string) (got report.History) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/health/history?hours=48&name="+name, nil))
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("%s: %d %s", name, w.Code, w.Body)
	}
	return got
}

// After a restart, a check is in the state in which it was, since the instant since which
// it was in it. Nothing has changed, for those who watch.
func TestRestartGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := lasting{storetest.NewOracle()}
		var db target
		db.set(health.Down)
		with := setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: 10 * time.Second, Failures: 5, Successes: 5})}}
		h := open(t, st, with)
		time.Sleep(30 * time.Hour)
		before := h.Health()
		closeHub(t, h)
		time.Sleep(4 * time.Second)
		h = open(t, st, with)
		synctest.Wait()
		for _, wait := range []time.Duration{0, 3 * time.Second, time.Minute} {
			time.Sleep(wait)
			synctest.Wait()
			after := h.Health()
			is, was := after.Checks[0], before.Checks[0]
			if is.Status != health.Down || is.Since.UnixMilli() != was.Since.UnixMilli() || is.Reason != "refused" {
				t.Errorf("it was %+v, and %v after the start it is %+v", was, wait, is)
			}
			one, other := health.Plain(&before, true), health.Plain(&after, true)
			if changes := text.Changes(&one, &other, time.Now()); len(changes) > 0 {
				t.Errorf("a restart is announced: %v", changes)
			}
		}
		if got := historyOf(t, h, "database"); got.TransitionsTotal != 0 || *got.UptimePercent != 0 || got.Checks > uint64(db.runs.Load()) || got.Checks < uint64(db.runs.Load())-8 {
			t.Errorf("%d runs: %+v", db.runs.Load(), got)
		}
	})
}

// Time in which no hub ran is unknown: the state after it is the one before, from the
// first run on.
func TestRestartAfterAPause(t *testing.T) {
	for _, killed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			st := &mortal{Store: storetest.NewOracle()}
			var db target
			db.set(health.Healthy)
			with := setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: 10 * time.Second, Successes: 50, Failures: 50})}}
			h := open(t, st, with)
			time.Sleep(time.Hour)
			if killed {
				kill(t, st, h)
			} else {
				closeHub(t, h)
			}
			time.Sleep(2 * time.Hour)
			h = open(t, &mortal{Store: st.Store}, with)
			if c, _ := state(h, "database"); c.Status != health.Unknown || c.Reason != "not checked yet" {
				t.Errorf("before the first run: %+v", c)
			}
			begun := time.Now()
			time.Sleep(2 * time.Second)
			c, _ := state(h, "database")
			if c.Status != health.Healthy || c.Since.Before(begun) {
				t.Errorf("after the first run: %+v", c)
			}
			time.Sleep(2 * time.Minute)
			got := historyOf(t, h, "database")
			if len(got.Segments) != 3 || got.Segments[1].Status != "unknown" || got.Segments[2].From != c.Since.UnixMilli() {
				t.Errorf("killed %v: %+v, since %v", killed, got.Segments, c.Since)
			}
		})
	}
}

// Runs toward a threshold count though the hub is restarted between them, also after a
// long pause; and the transition is where it would be without.
func TestRestartInTheMiddleOfAThreshold(t *testing.T) {
	for _, c := range []struct {
		from, to health.Status
		pause    time.Duration
	}{
		{health.Healthy, health.Down, time.Second}, {health.Healthy, health.Down, time.Hour}, {health.Healthy, health.Degraded, time.Second},
		{health.Down, health.Healthy, time.Second}, {health.Down, health.Degraded, time.Second}, {health.Degraded, health.Down, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			st := lasting{storetest.NewOracle()}
			var db target
			db.set(c.from)
			with := setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: 10 * time.Second, Failures: 6, Successes: 6})}}
			h := open(t, st, with)
			time.Sleep(5 * time.Minute)
			db.set(c.to)
			for range 5 { // one too few
				for runs := db.runs.Load(); db.runs.Load() == runs; {
					time.Sleep(100 * time.Millisecond)
				}
				synctest.Wait()
				if db.runs.Load()%2 == 0 {
					continue
				}
				closeHub(t, h)
				time.Sleep(c.pause)
				h = open(t, st, with)
				if is, _ := state(h, "database"); is.Status != c.from && c.pause < time.Minute {
					t.Errorf("%v to %v: it is %v too early", c.from, c.to, is.Status)
				}
			}
			for runs := db.runs.Load(); db.runs.Load() == runs; {
				time.Sleep(100 * time.Millisecond)
			}
			synctest.Wait()
			if is, _ := state(h, "database"); is.Status != c.to {
				t.Errorf("%v to %v after %v: it is %v after six runs in a row", c.from, c.to, c.pause, is.Status)
			}
			if got := historyOf(t, h, "database"); c.pause < time.Minute && got.TransitionsTotal != 1 {
				t.Errorf("%v to %v: %+v", c.from, c.to, got.Transitions)
			}
		})
	}
}

// A check that was flapping still is.
func TestRestartWhileFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := lasting{storetest.NewOracle()}
		var n atomic.Int64
		flaps := config.Check{Name: "database", Rules: health.Rules{Interval: 10 * time.Second}, Probe: health.Func(func(context.Context) error {
			if n.Add(1)%2 == 0 {
				return errors.New("refused")
			}
			return nil
		})}
		with := setup{now: time.Now, checks: []config.Check{flaps}}
		h := open(t, st, with)
		time.Sleep(10 * time.Minute)
		was, _ := state(h, "database")
		closeHub(t, h)
		time.Sleep(2 * time.Second)
		h = open(t, st, with)
		for range 30 {
			if is, _ := state(h, "database"); !is.Flapping || is.Status != health.Degraded || is.Since.UnixMilli() != was.Since.UnixMilli() {
				t.Fatalf("it was %+v, and is %+v", was, is)
			}
			time.Sleep(5 * time.Second)
		}
	})
}

// A store that cannot be read costs the memory, and no check.
func TestRestartWithoutMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var db target
		db.set(health.Healthy)
		h := open(t, forgetful{storetest.NewOracle()}, setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{})}})
		time.Sleep(10 * time.Second)
		if c, _ := state(h, "database"); c.Status != health.Healthy {
			t.Errorf("got %+v", c)
		}
	})
}
