package health

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A machine that is given what another saw goes on as that one would.
func TestRecall(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		rules := machine{failures: 1 + r.IntN(4), successes: 1 + r.IntN(4)}
		whole := rules
		var seen []Status
		sticky, length := r.IntN(10), 20+r.IntN(40)
		flapped := 0 // up to which run
		see := func(m *machine, i int) { m.observe(time.Unix(int64(i), 0), seen[i], false) }
		for i := range length {
			s := Status(1 + r.IntN(3))
			if i > 0 && r.IntN(10) < sticky {
				s = seen[i-1]
			}
			seen = append(seen, s)
			if see(&whole, i); whole.Flapping {
				flapped = i + 1
			}
		}
		if whole.Status == Unknown || whole.Flapping {
			continue
		}
		at := time.Unix(int64(length), 0)
		next := rules
		// Of the runs, none is left out that may still count.
		next.recall(&Past{State: whole.State, Recent: seen[max(0, length-flapWindow-1, flapped):], Until: at.Add(time.Hour)}, at)
		for i := range 30 {
			if next.Status != whole.Status || next.Flapping != whole.Flapping || !next.Since.Equal(whole.Since) {
				t.Fatalf("after %v: %+v, want %+v", seen, next.State, whole.State)
			}
			s := Status(1 + r.IntN(3))
			if r.IntN(10) < sticky {
				s = seen[len(seen)-1]
			}
			seen = append(seen, s)
			see(&whole, length+i)
			see(&next, length+i)
		}
	}
}

// Flapping goes on after a restart until the check has been calm for as long as otherwise.
func TestRecallFlapping(t *testing.T) {
	m := machine{failures: 2, successes: 2}
	m.recall(&Past{State: State{Status: Degraded, Flapping: true, Since: time.Unix(1, 0)}, Until: time.Unix(100, 0)}, time.Unix(10, 0))
	for i := range flapCalm {
		if m.Status != Degraded || !m.Flapping || m.Since.Unix() != 1 {
			t.Fatalf("after %d runs: %+v", i, m.State)
		}
		m.observe(time.Unix(11+int64(i), 0), Healthy, false)
	}
	if m.Status != Healthy || m.Flapping {
		t.Errorf("got %+v", m.State)
	}
}

// A status that was known until shortly before goes on; one from longer ago is unknown
// until the first run, and begins again with it. Neither needs as many runs as a new one.
func TestResume(t *testing.T) {
	for _, c := range []struct {
		name   string
		ago    time.Duration // that the state was last known
		before Status        // the first run
		since  time.Duration // of the state after it, since it was last known
	}{
		{"a short time", 5 * time.Second, Down, -time.Hour},
		{"a long time", time.Minute, Unknown, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r Registry
				var seen []Observation
				r.Observe(func(o Observation) { seen = append(seen, o) })
				known := time.Now()
				past := Past{
					State: State{Status: Down, Since: known.Add(-time.Hour)}, Recent: []Status{Down, Down, Healthy},
					Last: Result{At: known, Status: Down, Reason: "gone", Details: json.RawMessage(`{"a":1}`)}, Until: known.Add(15 * time.Second),
				}
				time.Sleep(c.ago)
				d := &dependency{}
				d.set(func(d *dependency) { d.err = errGone })
				register(t, &r, "database", d.probe(), Every(time.Minute), Thresholds(3, 3), nil, Resume(past))
				got := only(t, &r)
				reason := "gone"
				if c.before == Unknown {
					reason = "not checked yet"
				}
				if got.Status != c.before || got.Reason != reason || got.Runs != 0 || !got.CheckedAt.Equal(known) || string(got.Details) != `{"a":1}` {
					t.Errorf("before the first run: %+v", got)
				}
				report := r.Report()
				if ok, _ := report.Started(); ok {
					t.Error("it has started without a run")
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				got = only(t, &r)
				since := got.Since.Sub(known)
				if got.Status != Down || got.Runs != 1 || since < c.since || since > c.since+time.Second {
					t.Errorf("after the first run: %+v, since %v", got, since)
				}
				if o := seen[0]; o.Before != c.before || o.State.Status != Down {
					t.Errorf("observed %+v", o)
				}
				closeRegistry(t, &r)
			})
		})
	}
}

// What is found out later about the time since which a check is in its state counts, if
// it is in it still.
func TestRecallSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		known := time.Now()
		past := Past{State: State{Status: Healthy, Since: known.Add(-time.Minute)}, Until: known.Add(15 * time.Second)}
		works := Func(func(context.Context) error { return nil })
		register(t, &r, "stays", works, Every(time.Minute), Resume(past))
		register(t, &r, "interrupted", works, Every(time.Minute), Resume(past))
		long := known.Add(-30 * 24 * time.Hour)
		for _, name := range []string{"stays", "absent"} {
			r.Recall(name, past.State.Since, long)
		}
		since := func(i int) time.Time { return r.Report().Checks[i].Since }
		if !since(1).Equal(long) || !since(0).Equal(past.State.Since) {
			t.Errorf("since %v and %v", since(1), since(0))
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		r.Recall("interrupted", long, known)
		r.Recall("interrupted", past.State.Since, long)
		if !since(1).Equal(long) || !since(0).Equal(long) {
			t.Errorf("after a run: since %v and %v", since(1), since(0))
		}
		closeRegistry(t, &r)
	})
}
