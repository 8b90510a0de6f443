package core

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// A database that is down explains what depends on it, also a service that is judged by
// its heartbeats: in the health and in the history, and both over a restart. A reload may
// change what depends on what.
func TestADependencyExplainsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := lasting{storetest.NewOracle()}
		var database, search target
		database.set(health.Healthy)
		search.set(health.Healthy)
		on := func(names ...string) health.Rules {
			return health.Rules{Failures: 1, Successes: 1, Interval: 10 * time.Second, DependsOn: names}
		}
		with := setup{
			now:      time.Now,
			checks:   []config.Check{database.check("database", on()), search.check("search", on("database"))},
			services: []config.Service{{Name: "shop", Rules: health.Rules{DependsOn: []string{"search"}}}},
		}
		h := open(t, st, with)
		time.Sleep(10 * time.Minute) // shop never sent a heartbeat: it is down for a reason of its own
		database.set(health.Down)
		search.set(health.Down)
		time.Sleep(10 * time.Minute)
		expect := func(when string, h *Hub, name, by string) {
			t.Helper()
			c, _ := state(h, name)
			if c.Status != health.Down || c.ExplainedBy != by || strings.Contains(c.Reason, "explained by "+by+", which has been down since") != (by != "") {
				t.Errorf("%s: %s is %v, %q, explained by %q, want %q", when, name, c.Status, c.Reason, c.ExplainedBy, by)
			}
			past := historyOf(t, h, name)
			last := past.Segments[len(past.Segments)-1]
			if last.Status != "down" || last.ExplainedBy != by || strings.Count(last.Reason, "explained by") != strings.Count(c.Reason, "explained by") || past.Transitions[0].ExplainedBy != by {
				t.Errorf("%s: the history of %s has %+v, %+v, want that it is explained by %q", when, name, last, past.Transitions[0], by)
			}
		}
		expect("down", h, "search", "database")
		if c, _ := state(h, "shop"); c.Status != health.Down || c.ExplainedBy != "" {
			t.Errorf("shop is %v, explained by %q", c.Status, c.ExplainedBy)
		}
		closeHub(t, h)
		h = open(t, st, with)
		expect("at a start", h, "search", "database")
		time.Sleep(10 * time.Minute)
		expect("after a restart", h, "search", "database")

		next := *h.config.Load()
		next.Checks = append([]config.Check(nil), next.Checks...)
		next.Checks[1].DependsOn = nil
		if err := h.Apply(&next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if c, _ := state(h, "search"); c.Status != health.Down || c.ExplainedBy != "" || c.Reason != "refused" {
			t.Errorf("on its own: search is %v, %q, explained by %q", c.Status, c.Reason, c.ExplainedBy)
		}
		closeHub(t, h)
	})
}

// A service that stops with its host is found to be down later than a check of that, and
// explains it all the same.
func TestASilentServiceExplainsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var page target
		page.set(health.Healthy)
		rules := health.Rules{Failures: 1, Successes: 1, DependsOn: []string{"shop"}}
		h := open(t, lasting{storetest.NewOracle()}, setup{
			now: time.Now, checks: []config.Check{page.check("page", rules)}, services: []config.Service{{Name: "shop"}},
		})
		for range 60 {
			if err := h.Ship(t.Context(), present("shop", "one", wire.Present, health.Healthy)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		page.set(health.Down)
		time.Sleep(time.Minute)
		if c, _ := state(h, "page"); c.Status != health.Down || c.ExplainedBy != "" {
			t.Errorf("while the service is silent: %v, explained by %q", c.Status, c.ExplainedBy)
		}
		time.Sleep(time.Minute)
		if c, _ := state(h, "page"); c.Status != health.Down || c.ExplainedBy != "shop" {
			t.Errorf("when it is down: %v, explained by %q", c.Status, c.ExplainedBy)
		}
		closeHub(t, h)
	})
}
