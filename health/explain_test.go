package health

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reportOf returns the report on the check of that name.
func reportOf(t *testing.T, r *Registry, name string) CheckReport {
	t.Helper()
	for _, c := range r.Report().Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %q", name)
	return CheckReport{}
}

// randomRules returns rules whose runs take no longer than the tests' dependencies do.
func randomRules(r *rand.Rand) Rules {
	s := Rules{
		Interval: time.Duration(1+r.IntN(60)) * time.Second,
		Failures: 1 + r.IntN(5), Successes: 1 + r.IntN(3),
	}
	s.Timeout = time.Duration(1+r.IntN(int(s.Interval/time.Millisecond))) * time.Millisecond
	return s
}

func (s *Rules) noticed() time.Duration { return time.Duration(s.Failures)*s.Interval + s.Timeout }

// with makes an option of rules.
func with(s Rules) Option { return func(to *Rules) { *to = s } }

// Whatever the intervals and the thresholds of two checks are: if both fail at the same
// instant, the one that the other depends on explains it as soon as both are down. If the
// other failed so long before that it was found to be down first, it does not.
func TestExplainedByTheRulesOfBoth(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 16))
			var database, shop dependency
			parent, child := randomRules(rnd), randomRules(rnd)
			child.DependsOn = []string{"database"}
			var r Registry
			defer closeRegistry(t, &r)
			register(t, &r, "database", database.probe(), with(parent))
			register(t, &r, "shop", shop.probe(), with(child))
			time.Sleep(10 * time.Minute)
			fail := func(d *dependency, hangs bool) {
				d.set(func(d *dependency) { d.err, d.hang = errGone, hangs })
			}
			together := seed%2 == 0
			fail(&shop, rnd.IntN(2) == 0)
			if !together {
				time.Sleep(child.noticed() + parent.noticed() + time.Millisecond)
			}
			fail(&database, rnd.IntN(2) == 0)
			for range 2000 {
				time.Sleep(time.Second)
				report := r.Report()
				p, c := report.Checks[0], report.Checks[1]
				want := ""
				if together && p.Status == Down && c.Status == Down {
					want = "database"
				}
				if c.ExplainedBy != want || p.ExplainedBy != "" {
					t.Fatalf("seed %d: shop is %v since %s, database %v since %s: got %q, want %q", seed, c.Status, c.Since, p.Status, p.Since, c.ExplainedBy, want)
				}
			}
			if p := reportOf(t, &r, "database"); p.Status != Down {
				t.Fatalf("database is %v", p.Status)
			}
			for _, d := range []*dependency{&database, &shop} {
				d.set(func(d *dependency) { d.err, d.hang = nil, false })
			}
			time.Sleep(20 * time.Minute)
			if c := reportOf(t, &r, "shop"); c.Status != Healthy || c.ExplainedBy != "" || c.Reason != "" {
				t.Errorf("after the end, shop is %+v", c)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	at := func(minute int) time.Time { return time.Unix(int64(minute)*60, 0) }
	for _, test := range []struct {
		name   string
		checks map[string]cause
		want   string // what explains "shop"
	}{
		{"nothing", map[string]cause{"shop": {status: Down, since: at(10)}}, ""},
		{"a check that is not there", map[string]cause{"shop": {status: Down, since: at(10), parents: []string{"database"}}}, ""},
		{"one that is degraded", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Degraded, since: at(10)},
		}, ""},
		{"degraded because of one that is down", map[string]cause{
			"shop": {status: Degraded, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(10)},
		}, "database"},
		{"healthy nevertheless", map[string]cause{
			"shop": {status: Healthy, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(10)},
		}, ""},
		{"what cannot tell", map[string]cause{
			"shop": {status: Unknown, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(10)},
		}, ""},
		{"found to be down as late as it may be", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(13), notice: 3 * time.Minute},
		}, "database"},
		{"found to be down later", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(14), notice: 3 * time.Minute},
		}, ""},
		{"the longest of several", map[string]cause{
			"shop":  {status: Down, since: at(10), parents: []string{"cache", "database", "search"}},
			"cache": {status: Down, since: at(9)}, "database": {status: Down, since: at(8)}, "search": {status: Down, since: at(8)},
		}, "database"},
		{"the cause behind the cause", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(9), parents: []string{"disk"}}, "disk": {status: Down, since: at(8)},
		}, "disk"},
		{"not through what is healthy", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Healthy, since: at(9), parents: []string{"disk"}}, "disk": {status: Down, since: at(8)},
		}, ""},
		{"a circle", map[string]cause{
			"shop": {status: Down, since: at(10), parents: []string{"database"}}, "database": {status: Down, since: at(10), parents: []string{"shop"}},
		}, "database"},
	} {
		got, _ := explain("shop", test.checks["shop"], func(name string) (cause, bool) {
			c, ok := test.checks[name]
			return c, ok
		})
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// The reason names the cause, and observations have it. A check that was
// degraded for a reason of its own is explained once it is down.
func TestReasonOfWhatIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var database, shop dependency
		var r Registry
		defer closeRegistry(t, &r)
		observed := make(map[string]string) // by status, only one goroutine has it
		r.Observe(func(o Observation) {
			if o.Name == "shop" {
				observed[o.State.Status.String()] = o.Reason + "|" + o.ExplainedBy
			}
		})
		once := []Option{Thresholds(1, 1), Every(10 * time.Second)}
		register(t, &r, "database", database.probe(), once...)
		register(t, &r, "shop", shop.probe(), append(once, DependsOn("database", "disk"))...)
		shop.set(func(d *dependency) { d.err = Degradedf("slow") })
		time.Sleep(time.Hour)
		database.set(func(d *dependency) { d.err = errGone })
		time.Sleep(time.Minute)
		if c := reportOf(t, &r, "shop"); c.Status != Degraded || c.ExplainedBy != "" || c.Reason != "slow" {
			t.Errorf("got %v, %q, explained by %q", c.Status, c.Reason, c.ExplainedBy)
		}
		shop.set(func(d *dependency) { d.err = errors.New("500") })
		time.Sleep(time.Minute)
		since := reportOf(t, &r, "database").Since.UTC()
		want := fmt.Sprintf("500; explained by database, which has been down since %s UTC", since.Format("15:04"))
		if c := reportOf(t, &r, "shop"); c.Status != Down || c.ExplainedBy != "database" || c.Reason != want {
			t.Errorf("got %v, %q, explained by %q; want %q", c.Status, c.Reason, c.ExplainedBy, want)
		}
		report := r.Report()
		if plain := Plain(&report, false).Checks["shop"]; plain.ExplainedBy != "database" || plain.Reason != "" {
			t.Errorf("without details: %+v", plain)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if c := reportOf(t, &r, "shop"); !strings.HasSuffix(c.Reason, since.Format("since 2006-01-02 15:04 UTC")) {
			t.Errorf("a day later: %q", c.Reason)
		}
		if observed["degraded"] != "slow|" || observed["down"] != "500|database" {
			t.Errorf("observed %v", observed)
		}
	})
}

// A service that is judged by silence is found to be down only after it.
func TestDelayOfAProbe(t *testing.T) {
	for _, delay := range []time.Duration{0, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var database, shop dependency
			var r Registry
			defer closeRegistry(t, &r)
			late := database.probe()
			late.Delay = delay
			register(t, &r, "database", late, Thresholds(1, 1))
			register(t, &r, "shop", shop.probe(), Thresholds(1, 1), DependsOn("database"))
			time.Sleep(time.Minute)
			shop.set(func(d *dependency) { d.err = errGone })
			time.Sleep(80 * time.Second)
			database.set(func(d *dependency) { d.err = errGone })
			time.Sleep(time.Minute)
			synctest.Wait()
			if c := reportOf(t, &r, "shop"); (c.ExplainedBy != "") != (delay > 0) {
				t.Errorf("with a delay of %s: explained by %q", delay, c.ExplainedBy)
			}
		})
	}
}

// What fails while it starts does not count, so what depends on it is down first.
func TestExplainedWhileTheCauseStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		database, shop := dependency{err: errGone}, dependency{err: errGone}
		var r Registry
		defer closeRegistry(t, &r)
		register(t, &r, "database", database.probe(), StartPeriod(10*time.Minute))
		register(t, &r, "shop", shop.probe(), DependsOn("database"))
		time.Sleep(9 * time.Minute)
		if c := reportOf(t, &r, "shop"); c.Status != Down || c.ExplainedBy != "" {
			t.Errorf("before: %v, explained by %q", c.Status, c.ExplainedBy)
		}
		time.Sleep(3 * time.Minute)
		if c := reportOf(t, &r, "shop"); c.ExplainedBy != "database" {
			t.Errorf("after: %v, explained by %q", c.Status, c.ExplainedBy)
		}
	})
}

func TestDependsOnItself(t *testing.T) {
	var r Registry
	defer closeRegistry(t, &r)
	var f *FieldError
	if err := r.Register("a", Func(nil), DependsOn("b", "a")); !errors.As(err, &f) || f.Field != "depends_on" {
		t.Errorf("got %v", err)
	}
	if err := Validate((&dependency{}).probe(), DependsOn("")); !errors.As(err, &f) || f.Field != "depends_on" {
		t.Errorf("got %v", err)
	}
}
