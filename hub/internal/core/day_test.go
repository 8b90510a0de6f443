package core

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/internal/racetest"
)

// dayRun is a run of the check, as its probe saw it: it takes no time.
type dayRun struct {
	at     int64
	found  health.Status
	closed int64 // when the hub was closed after it; 0 if it was not
}

// A day of a check over the embedded store: outages, flaps, runs that cannot tell, restarts,
// pauses in which no hub runs, reloads, maintenance windows that come and go, and steps of the
// clock by which the hub deletes and reports. The history has exactly what the script did. In short mode the day has six hours.
func TestDayOfACheck(t *testing.T) {
	racetest.LeaveToLong(t)
	for seed := range uint64(3) {
		if seed > 0 && testing.Short() {
			break
		}
		synctest.Test(t, func(t *testing.T) { runDay(t, seed) })
	}
}

// checkDay is the script as it is played.
type checkDay struct {
	*testing.T
	*rand.Rand
	files  vfs.FS
	step   atomic.Int64 // of the hub's clock
	target target
	flap   atomic.Bool // the target's status alternates between its own and healthy
	rules  health.Rules
	other  bool // there is another check
	hub    *Hub
	store  *pebblestore.Store
	runs   []dayRun
	days   dayWindows
}

func (d *checkDay) now() time.Time { return time.Now().Add(time.Duration(d.step.Load())) }

// setup is the configuration of the moment. A run of the check is recorded.
func (d *checkDay) setup() setup {
	probe := health.Func(func(context.Context) error {
		found := health.Status(d.target.status.Load())
		if d.flap.Load() && len(d.runs)%2 == 0 {
			found = health.Healthy
		}
		d.runs = append(d.runs, dayRun{at: time.Now().UnixMilli(), found: found})
		switch found {
		case health.Down:
			return fmt.Errorf("refused")
		case health.Degraded:
			return health.Degradedf("slow")
		case health.Unknown:
			return health.Unknownf("cannot tell")
		}
		return nil
	})
	s := setup{now: d.now, checks: []config.Check{{Name: "database", Rules: d.rules, Probe: probe}}, retention: config.Retention{Age: 7 * 24 * time.Hour}, maintenance: d.days.present}
	if d.other {
		s.checks = append(s.checks, config.Check{Name: "cache", Probe: health.Func(func(context.Context) error { return nil })})
	}
	return s
}

func (d *checkDay) start() {
	d.Helper()
	st, err := pebblestore.Open("data", pebblestore.Options{FS: d.files, Logger: quiet}.Simulated(1000, 1<<20, time.Minute))
	if err != nil {
		d.Fatal(err)
	}
	d.store = st
	if d.hub, err = New(st, d.setup().config(d.T), d.setup().options()); err != nil {
		d.Fatal(err)
	}
}

// stop closes the hub, which notes for how long the last status held.
func (d *checkDay) stop() {
	d.Helper()
	synctest.Wait()
	if n := len(d.runs); n > 0 {
		d.runs[n-1].closed = time.Now().UnixMilli()
	}
	closeHub(d.T, d.hub)
}

// reload applies another configuration, with the same probe or a new one.
func (d *checkDay) reload() {
	synctest.Wait()
	d.rules.Interval = time.Duration(5+d.IntN(11)) * time.Second
	d.other = d.IntN(2) == 0
	if d.IntN(4) > 0 {
		d.days.change(d.Rand)
	}
	c := d.hub.config.Load()
	next := *c
	next.Checks = slices.Clone(c.Checks)
	next.Checks[0].Rules = d.rules
	next.Checks = next.Checks[:1]
	if d.other {
		next.Checks = append(next.Checks, d.setup().checks[1])
	}
	next.Maintenance = d.days.present
	if err := next.Validate(makers); err != nil {
		d.Fatal(err)
	}
	if err := d.hub.Apply(&next); err != nil {
		d.Fatal(err)
	}
}

// pass lets time pass, in seconds.
func (d *checkDay) pass(least, most int) {
	time.Sleep(time.Duration(least*1000+d.IntN((most-least)*1000+1)) * time.Millisecond)
}

func runDay(t *testing.T, seed uint64) {
	d := &checkDay{T: t, Rand: rand.New(rand.NewPCG(seed, 29)), files: vfs.NewMem()}
	d.rules = health.Rules{Interval: 10 * time.Second, Failures: 1, Successes: 1}
	d.target.set(health.Healthy)
	begin := time.Now()
	d.days.change(d.Rand)
	d.days.change(d.Rand)
	d.start()
	statuses := []health.Status{health.Healthy, health.Degraded, health.Down, health.Unknown}
	day := 24 * time.Hour
	if testing.Short() {
		day = 6 * time.Hour
	}
	for time.Since(begin) < day {
		d.pass(260, 2000) // calm, longer than what counts for flapping
		switch d.IntN(8) {
		case 0:
			d.stop()
			d.pass(1, 10)
			d.start()
		case 1:
			d.stop()
			d.pass(20, 4000)
			d.start()
		case 2, 7:
			d.reload()
		case 3:
			d.step.Store(int64(d.IntN(7200)-3600) * int64(time.Second))
		case 4:
			d.flap.Store(true)
			d.target.set(health.Down)
			d.pass(60, 600)
			d.flap.Store(false)
		default:
			d.target.set(statuses[d.IntN(4)])
			if d.pass(1, 40); health.Status(d.target.status.Load()) == health.Unknown {
				// Runs that cannot tell are not calm: what came before counts after them.
				d.pass(1, 900)
				d.target.set(statuses[d.IntN(3)])
			}
		}
	}
	d.pass(260, 300)
	d.stop()
	d.expect(begin.UnixMilli())
}

// expect compares the history with the runs.
func (d *checkDay) expect(begin int64) {
	d.Helper()
	st, err := pebblestore.Open("data", pebblestore.Options{FS: d.files, Logger: quiet}.Simulated(1000, 1<<20, time.Minute))
	if err != nil {
		d.Fatal(err)
	}
	defer st.Close()
	w := rollup.Window{From: begin, To: d.runs[len(d.runs)-1].closed}
	stored := d.days.stored(d.T, st, w)
	got, err := report.ReadHistory("database", st.Health(d.Context(), store.HealthQuery{Window: w, Name: "database"}), w, 1000, stored)
	if err != nil {
		d.Fatal(err)
	}
	want := d.days.split(d.T, d.segments(), stored, w)
	for i, s := range got.Segments {
		s.Reason = ""
		if i >= len(want) || s != want[i] {
			d.Fatalf("segment %d is %+v, want %+v", i, s, want[min(i, len(want)-1)])
		}
	}
	if len(got.Segments) != len(want) {
		d.Fatalf("%d segments, want %d", len(got.Segments), len(want))
	}
	var known, down, checks, failures int64
	for _, s := range want {
		if s.Maintenance != "" {
			continue
		}
		switch s.Status {
		case "down":
			down += s.To - s.From
			fallthrough
		case "healthy", "degraded":
			known += s.To - s.From
		}
	}
	for _, r := range d.runs {
		if r.found != health.Unknown {
			checks++
		}
		if r.found > health.Healthy {
			failures++
		}
	}
	if uptime := 100 * float64(known-down) / float64(known); *got.UptimePercent != uptime || got.Checks != uint64(checks) || got.Failures != uint64(failures) {
		d.Errorf("uptime %v, want %v; %d runs, want %d; %d failures, want %d", *got.UptimePercent, uptime, got.Checks, checks, got.Failures, failures)
	}
	d.Logf("%d runs, %d segments, %d transitions, %d times in maintenance, uptime %v %%", checks, len(want), got.TransitionsTotal, len(stored), *got.UptimePercent)
}

// segments returns what the history must have, from the runs alone.
func (d *checkDay) segments() (all []report.Stretch) {
	status := d.states()
	add := func(from, to int64, s health.Status) {
		n := len(all)
		switch {
		case from >= to || n == 0 && s == health.Unknown:
		case n > 0 && all[n-1].Status == s.String():
			all[n-1].To = to
		default:
			all = append(all, report.Stretch{From: from, To: to, Status: s.String()})
		}
	}
	last, held := int64(0), health.Unknown // the last instant that is known, and its status
	for i, r := range d.runs {
		if status[i] == health.Unknown {
			continue
		}
		if gap := r.at - last; i > 0 && gap <= report.Bridge.Milliseconds() || i > 0 && status[i-1] != health.Unknown && d.runs[i-1].closed == 0 {
			add(last, r.at, held)
		} else {
			add(last, r.at, health.Unknown)
		}
		last, held = r.at, status[i]
		if r.closed > 0 {
			add(last, r.closed, held)
			last = r.closed
		}
	}
	if end := d.runs[len(d.runs)-1].closed; end-last > report.Bridge.Milliseconds() {
		add(last, end, health.Unknown)
	}
	return all
}

// states returns the status after each run: what it found, unless the check flaps by the
// documentation's rule.
func (d *checkDay) states() (all []health.Status) {
	flapping, changes, row, known := false, uint32(0), 0, health.Unknown
	for _, r := range d.runs {
		if r.found == health.Unknown {
			all = append(all, health.Unknown)
			continue
		}
		changes <<= 1
		if row++; known != health.Unknown && r.found != known {
			changes, row = changes|1, 1
		}
		known = r.found
		if changes &= 1<<16 - 1; bits.OnesCount32(changes) >= 5 {
			flapping = true
		}
		if flapping && changes&0xff == 0 {
			flapping, changes = false, 0
		}
		switch {
		case !flapping:
			all = append(all, r.found)
		case r.found == health.Down && row >= 4:
			all = append(all, health.Down)
		default:
			all = append(all, health.Degraded)
		}
	}
	return all
}
