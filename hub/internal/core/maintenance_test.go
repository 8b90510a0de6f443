package core

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// downFor returns for how long the segments of a history are down, outside and within
// maintenance.
func downFor(h *report.History) (outside, within time.Duration) {
	for _, s := range h.Segments {
		d := time.Duration(s.To-s.From) * time.Millisecond
		switch {
		case s.Status != "down":
		case s.Maintenance == "":
			outside += d
		default:
			within += d
		}
	}
	return outside, within
}

// A critical check that is down in a window is down, and the hub answers 503 as without
// one. The window is named in the health and in the history, and in no uptime. That stays
// true when the window is removed, and after a restart; one that is added later changes
// nothing of the past, unless it is a single one.
func TestMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC()
		st := lasting{storetest.NewOracle()}
		var database, other target
		database.set(health.Healthy)
		other.set(health.Healthy)
		once := health.Rules{Failures: 1, Successes: 1, Interval: 10 * time.Second, Critical: true}
		weekly := maintenance.Window{Name: "weekly", Where: &maintenance.Where{Check: "database"}, Every: begin.Add(time.Hour).Format("Mon 15:04"), For: time.Hour}
		with := setup{now: time.Now, checks: []config.Check{database.check("database", once), other.check("other", once)}, maintenance: []maintenance.Window{weekly}}
		h := open(t, st, with)
		outage := func() {
			database.set(health.Down)
			time.Sleep(30 * time.Minute)
			database.set(health.Healthy)
			time.Sleep(15 * time.Minute)
		}
		time.Sleep(10 * time.Minute)
		outage()                    // 00:10 to 00:40, outside
		time.Sleep(5 * time.Minute) // 01:00
		if c, _ := state(h, "database"); c.Maintenance != "weekly" {
			t.Errorf("at its beginning: in maintenance %q", c.Maintenance)
		}
		database.set(health.Down)
		time.Sleep(30 * time.Minute)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/health", nil))
		if w.Code != 503 || strings.Count(w.Body.String(), `"maintenance":"weekly"`) != 1 {
			t.Errorf("in the window: %d %s", w.Code, w.Body)
		}
		database.set(health.Healthy)
		time.Sleep(30 * time.Minute) // 02:00
		if c, _ := state(h, "database"); c.Maintenance != "" {
			t.Errorf("at its end: in maintenance %q", c.Maintenance)
		}
		time.Sleep(time.Minute)
		from, to := begin.Add(time.Hour).UnixMilli(), begin.Add(2*time.Hour).UnixMilli()
		expect := func(when string, h *Hub, want string, outside, within time.Duration) {
			t.Helper()
			past := historyOf(t, h, "database")
			out, in := downFor(&past)
			near := func(got, want time.Duration) bool { return got > want-22*time.Second && got < want+22*time.Second }
			if fmt.Sprint(past.Maintenance) != want || !near(out, outside) || !near(in, within) {
				t.Errorf("%s: in maintenance %+v, want %s; down for %s, want %s, and %s in it, want %s", when, past.Maintenance, want, out, outside, in, within)
			}
			if other := historyOf(t, h, "other"); other.Maintenance != nil {
				t.Errorf("%s: the other check is in maintenance: %+v", when, other.Maintenance)
			}
		}
		window := fmt.Sprintf("[{weekly %d %d}]", from, to)
		expect("after it", h, window, 30*time.Minute, 30*time.Minute)

		apply := func(windows ...maintenance.Window) {
			t.Helper()
			next := *h.config.Load()
			next.Maintenance = windows
			if err := next.Validate(makers); err != nil {
				t.Fatal(err)
			}
			if err := h.Apply(&next); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second) // answers are cached
		}
		apply()
		expect("without it", h, window, 30*time.Minute, 30*time.Minute)
		closeHub(t, h)
		with.maintenance = nil
		h = open(t, st, with)
		time.Sleep(time.Minute)
		expect("after a restart", h, window, 30*time.Minute, 30*time.Minute)

		late := weekly
		late.Name, late.Every = "late", begin.Format("15:04")
		apply(late)
		expect("with one that recurs", h, window, 30*time.Minute, 30*time.Minute)
		single := maintenance.Window{Name: "planned", Where: &maintenance.Where{}, From: begin.Format(time.RFC3339), For: 20 * time.Minute}
		single.Where.Check = "database"
		apply(single)
		expect("with a single one", h, fmt.Sprintf("[{planned %d %d} {weekly %d %d}]", begin.UnixMilli(), begin.Add(20*time.Minute).UnixMilli(), from, to), 20*time.Minute, 40*time.Minute)
		closeHub(t, h)
	})
}

// A window that is over when a hub starts again was in force, since the hub before had it.
func TestMaintenanceWhileNoHubRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC()
		st := lasting{storetest.NewOracle()}
		var database target
		database.set(health.Healthy)
		with := setup{now: time.Now, checks: []config.Check{database.check("database", health.Rules{})}}
		with.maintenance = []maintenance.Window{{Name: "move", Where: &maintenance.Where{}, Every: begin.Add(time.Hour).Format("15:04"), For: time.Hour}}
		h := open(t, st, with)
		time.Sleep(59 * time.Minute)
		closeHub(t, h)
		time.Sleep(2 * time.Hour)
		h = open(t, st, with)
		time.Sleep(time.Minute)
		want := fmt.Sprintf("[{move %d %d}]", begin.Add(time.Hour).UnixMilli(), begin.Add(2*time.Hour).UnixMilli())
		if got := historyOf(t, h, "database"); fmt.Sprint(got.Maintenance) != want {
			t.Errorf("got %+v, want %s", got.Maintenance, want)
		}
		next := *h.config.Load()
		next.Maintenance = nil
		if err := h.Apply(&next); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := historyOf(t, h, "database"); fmt.Sprint(got.Maintenance) != want {
			t.Errorf("when it was removed: got %+v, want %s", got.Maintenance, want)
		}
		closeHub(t, h)
	})
}

// A window of a service is one of the service and of its own checks. What is stored of it
// is no check.
func TestMaintenanceOfAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now().UTC()
		st := storetest.NewOracle()
		var shop target
		shop.set(health.Healthy)
		h := open(t, lasting{st}, setup{now: time.Now, checks: []config.Check{shop.check("database", health.Rules{})}, maintenance: []maintenance.Window{
			{Name: "release", Where: &maintenance.Where{Service: "shop"}, From: begin.Format(time.RFC3339), For: 10 * time.Minute},
		}})
		for range 20 {
			if err := h.Ship(t.Context(), present("shop", "one", wire.Present, health.Healthy)); err != nil {
				t.Fatal(err)
			}
			kept := wire.Batch{Instance: "one", Sequence: uint64(time.Since(begin)/time.Second) + 1, Health: []wire.HealthResult{
				{Service: "shop", Check: "stock", Status: health.Healthy, From: time.Now().UnixMilli(), To: time.Now().UnixMilli() + 10_000},
			}}
			if err := h.Ship(t.Context(), kept.AppendBinary(nil)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if c, _ := state(h, "shop"); c.Maintenance != "release" {
			t.Errorf("shop is in maintenance %q", c.Maintenance)
		}
		if c, _ := state(h, "database"); c.Maintenance != "" {
			t.Errorf("database is in maintenance %q", c.Maintenance)
		}
		for name, want := range map[string]bool{"shop": true, "shop/stock": true, "database": false} {
			if got := historyOf(t, h, name); (got.Maintenance != nil) != want || (got.UptimePercent == nil) != want {
				t.Errorf("%s: in maintenance %+v, uptime %v", name, got.Maintenance, got.UptimePercent)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/health/history?service=shop&name=stock", nil))
		if !strings.Contains(w.Body.String(), `"maintenance":"release"`) {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/health/history?name="+maintenance.Series, nil))
		if w.Code != 404 {
			t.Errorf("the windows have a history: %d %s", w.Code, w.Body)
		}
		closeHub(t, h)
	})
}

// Windows are stored in parts of an hour at most, once each, however often that fails.
func TestMaintenanceIsStoredOnce(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	s, err := maintenance.Parse(&maintenance.Window{Name: "move", Where: &maintenance.Where{}, From: "2026-11-29 09:30", Until: "2026-11-29 14:00"})
	if err != nil {
		t.Fatal(err)
	}
	var w windows
	w.set([]*maintenance.Schedule{s}, now)
	last := time.Date(2026, 11, 29, 9, 30, 0, 0, time.UTC).UnixMilli()
	for ; now.Hour() < 15; now = now.Add(time.Second) {
		for _, r := range w.take(now, false) {
			if r.From != last || r.To <= r.From || r.To-r.From > wire.MaxSpan || r.To > now.UnixMilli() {
				t.Fatalf("at %s: %+v after %d", now, r, last)
			}
			last = r.To
		}
		if behind := min(now.UnixMilli(), time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC).UnixMilli()) - last; behind >= rowEvery {
			t.Fatalf("at %s, %d ms are not stored", now, behind)
		}
	}
	if end := time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC).UnixMilli(); last != end {
		t.Errorf("stored up to %d, want %d", last, end)
	}
}

// A reload with a window that cannot be understood changes nothing.
func TestMaintenanceThatIsWrong(t *testing.T) {
	h := open(t, lasting{storetest.NewOracle()}, setup{})
	next := *h.config.Load()
	next.Maintenance = []maintenance.Window{{Name: "weekly"}}
	closed := false
	next.Checks = []config.Check{{Name: "a", Probe: health.Probe{
		Run: func(context.Context) (health.Details, error) { return nil, nil }, Close: func() error { closed = true; return nil },
	}}}
	if err := h.Apply(&next); err == nil || !closed {
		t.Errorf("got %v; closed: %v", err, closed)
	}
	if _, ok := state(h, "a"); ok {
		t.Error("a check was started")
	}
}
