package core

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/serverstest"
)

// Two hubs on one store run the checks both. They give one verdict, have one history, and
// store each result once.
func TestTwoHubsOnOneStore(t *testing.T) {
	location := serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres")
	var db target
	db.set(health.Healthy)
	with := setup{now: time.Now, checks: []config.Check{db.check("database", health.Rules{Interval: 200 * time.Millisecond})}}
	hubs := []*Hub{open(t, openStore(t, location), with), open(t, openStore(t, location), with)}
	verdict := func(want health.Status) {
		t.Helper()
		for _, h := range hubs {
			within(t, "both hubs have the verdict "+want.String(), func() bool { c, _ := state(h, "database"); return c.Status == want })
		}
	}
	changes := []health.Status{health.Healthy, health.Down, health.Degraded, health.Healthy}
	for _, status := range changes {
		db.set(status)
		verdict(status)
		begun := db.runs.Load()
		within(t, "some runs", func() bool { return db.runs.Load() >= begun+10 })
	}
	one, other := historyOf(t, hubs[0], "database"), historyOf(t, hubs[1], "database")
	if one.TransitionsTotal != len(changes)-1 || fmt.Sprint(one.Segments[:3]) != fmt.Sprint(other.Segments[:3]) {
		t.Errorf("one hub has\n%+v, the other\n%+v", one.Segments, other.Segments)
	}
	for i, s := range one.Segments {
		if i >= len(changes) || s.Status != changes[i].String() {
			t.Errorf("segment %d is %+v", i, s)
		}
	}
	for _, h := range hubs {
		closeHub(t, h)
	}

	st := openStore(t, location)
	defer st.Close()
	var all []*store.HealthRecord
	for r, err := range st.Health(t.Context(), store.HealthQuery{Window: ever, Name: "database"}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, store.CompareSpans)
	rows, ends, runs := make(map[string]bool), make(map[string]int64), uint64(0)
	for _, r := range all {
		row := fmt.Sprint(r.Instance, r.From, r.To, r.Status, r.Latency.Count(), r.Failures)
		if rows[row] {
			t.Errorf("twice: %s", row)
		}
		rows[row] = true
		if end, ok := ends[r.Instance]; ok && r.From < end {
			t.Errorf("the results of %s overlap: %+v begins before %d", r.Instance, r.HealthResult, end)
		}
		ends[r.Instance] = r.To
		runs += r.Latency.Count()
	}
	if n := uint64(db.runs.Load()); len(ends) != 2 || runs > n || runs+2 < n { // each hub may have been closed in the middle of a run
		t.Errorf("%d runs of %d instances, want %d", runs, len(ends), n)
	}
}
