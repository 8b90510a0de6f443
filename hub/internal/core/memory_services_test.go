package core

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// forgetful is a store whose health cannot be read.
type forgetful struct{ store.Store }

func (forgetful) Health(context.Context, store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) { yield(nil, store.ErrDamaged) }
}

func ship(t *testing.T, h *Hub, service string, kind wire.Kind) {
	t.Helper()
	if err := h.Ship(t.Context(), present(service, "web-1-0123456789ab", kind, health.Healthy)); err != nil {
		t.Fatal(err)
	}
}

// Services that were discovered by their heartbeats are known after a restart, each until
// a day after its last heartbeat, unless they said farewell.
func TestDiscoveredServicesSurviveARestart(t *testing.T) {
	for _, killed := range []bool{true, false} {
		if !killed && testing.Short() {
			break
		}
		synctest.Test(t, func(t *testing.T) {
			oracle := storetest.NewOracle()
			st := &mortal{Store: oracle}
			with := setup{now: time.Now, checks: []config.Check{check("taken", disk, time.Minute)}}
			h := open(t, st, with)
			for range 12 {
				for _, service := range []string{"stays", "dies", "taken", "leaves"} {
					ship(t, h, service, wire.Present)
				}
				time.Sleep(10 * time.Second)
			}
			ship(t, h, "leaves", wire.Leaving)
			time.Sleep(2 * time.Second)
			if killed {
				kill(t, st, h)
			} else {
				closeHub(t, h)
			}
			time.Sleep(time.Hour)

			st = &mortal{Store: oracle}
			h = open(t, st, with)
			if got := names(h); got != "dies service/taken stays taken" {
				t.Errorf("killed %v: after the restart there are %s", killed, got)
			}
			expect := func(service string, want health.Status, reason string) {
				t.Helper()
				if c, _ := state(h, service); c.Status != want || c.Reason != reason {
					t.Errorf("%s is %v (%s), want %v (%s)", service, c.Status, c.Reason, want, reason)
				}
			}
			time.Sleep(2 * time.Second)
			expect("dies", health.Unknown, "no instance has reported yet; check that it runs and reaches the hub")
			expect("service/taken", health.Unknown, "no instance has reported yet; check that it runs and reaches the hub")
			ship(t, h, "stays", wire.Present)
			time.Sleep(2 * time.Second)
			expect("stays", health.Healthy, "")
			time.Sleep(85 * time.Second) // 89 s after the start
			expect("dies", health.Unknown, "no instance has reported yet; check that it runs and reaches the hub")
			time.Sleep(3 * time.Second)
			if c, _ := state(h, "dies"); c.Status != health.Down {
				t.Errorf("the service that died is %+v", c)
			}

			// Another restart changes nothing of that, and the day goes on.
			closeHub(t, h)
			h = open(t, &mortal{Store: oracle}, with)
			if got := names(h); got != "dies service/taken stays taken" {
				t.Errorf("after the second restart there are %s", got)
			}
			if testing.Short() {
				closeHub(t, h)
				return
			}
			time.Sleep(22*time.Hour + 50*time.Minute)
			if c, ok := state(h, "dies"); !ok || c.Status != health.Down {
				t.Errorf("after less than a day: %+v, %v", c, ok)
			}
			closeHub(t, h)
			h = open(t, &mortal{Store: oracle}, with)
			if got := names(h); got != "dies service/taken stays taken" {
				t.Errorf("after the third restart there are %s", got)
			}
			time.Sleep(20 * time.Minute)
			if got := names(h); got != "stays taken" {
				t.Errorf("a day after their last heartbeats there are %s", got)
			}
			closeHub(t, h)
			h = open(t, &mortal{Store: oracle}, with)
			if got := names(h); got != "stays taken" {
				t.Errorf("and after another restart %s", got)
			}
		})
	}
}

// A service of the configuration that is no longer in it is not discovered by its past.
func TestDismissedServiceDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := lasting{storetest.NewOracle()}
		h := open(t, st, setup{now: time.Now, services: []config.Service{{Name: "orders"}}})
		ship(t, h, "orders", wire.Present)
		time.Sleep(5 * time.Second)
		ship(t, h, "orders", wire.Leaving)
		time.Sleep(5 * time.Second)
		apply(t, h, setup{})
		time.Sleep(2 * time.Second)
		closeHub(t, h)
		if got := names(open(t, st, setup{now: time.Now})); got != "" {
			t.Errorf("there are %s", got)
		}
	})
}

// A service's history has its statuses, and no runs: its heartbeats are none.
func TestServicesHaveNoRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, lasting{storetest.NewOracle()}, setup{now: time.Now})
		for range 30 {
			ship(t, h, "orders", wire.Present)
			time.Sleep(10 * time.Second)
		}
		got := historyOf(t, h, "orders")
		if got.Checks != 0 || got.Failures != 0 || len(got.Latency) != 0 || *got.UptimePercent != 100 || got.Status != "healthy" {
			t.Errorf("got %+v", got)
		}
	})
}

// The runs before the first status are counted with it.
func TestRunsBeforeTheFirstStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var db target
		db.set(health.Down)
		h := open(t, lasting{storetest.NewOracle()}, setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: 10 * time.Second, Failures: 9})}})
		time.Sleep(10 * time.Minute)
		ran := db.runs.Load()
		got := historyOf(t, h, "database")
		if n := uint64(ran); got.Failures < n-8 || got.Failures != got.Checks || got.Checks > n {
			t.Errorf("%d runs: %+v", n, got)
		}
		for r, err := range h.store.Health(t.Context(), store.HealthQuery{Window: ever, Name: "database"}) {
			if err != nil || r.Latency.Count() != 9 || r.Failures != 9 {
				t.Errorf("the first result has %d runs and %d failures, %v", r.Latency.Count(), r.Failures, err)
			}
			break
		}
	})
}
