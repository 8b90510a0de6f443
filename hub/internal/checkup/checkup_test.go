package checkup

import (
	"context"
	"errors"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// probes returns makers whose probes have what is wrong as their URL, and count how
// many are closed.
func probes(closed *int) config.Makers {
	probe := func(url string) (health.Probe, error) {
		if url == "unmade" {
			return health.Probe{}, errors.New(url)
		}
		return health.Probe{
			Run: func(context.Context) (health.Details, error) {
				switch url {
				case "down":
					return nil, errors.New("refused")
				case "degraded":
					return nil, health.Degradedf("slow")
				}
				return nil, nil
			},
			Close: func() error { *closed++; return nil },
		}, nil
	}
	return config.Makers{
		Probe:   func(s *config.Spec) (health.Probe, error) { return probe(s.URL) },
		Service: func(p *config.Poll) (health.Probe, error) { return probe(p.Health) },
	}
}

func configured(critical bool, urls ...string) *config.Config {
	c := &config.Config{Services: []config.Service{{Name: "polled", Poll: config.Poll{Health: "fine"}}, {Name: "silent"}}}
	for _, url := range urls {
		c.Checks = append(c.Checks, config.Check{Name: url, Spec: config.Spec{URL: url}, Rules: health.Rules{Critical: critical}})
	}
	return c
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		conf *config.Config
		want health.Status
	}{
		{configured(true), health.Healthy},
		{configured(true, "fine", "degraded"), health.Degraded},
		{configured(false, "down", "fine"), health.Degraded},
		{configured(true, "degraded", "down"), health.Down},
		{configured(true, "down", "degraded"), health.Down},
	} {
		closed := 0
		all, err := NewTargets(test.conf, probes(&closed))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := Run(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status != test.want || len(answer.Checks) != len(test.conf.Checks)+1 {
			t.Errorf("got %+v, want %s", answer, test.want)
		}
		for name, check := range answer.Checks {
			want := map[string]health.Status{"down": health.Down, "degraded": health.Degraded}[name]
			if name == "fine" || name == "polled" {
				want = health.Healthy
			}
			if check.Service != name || check.State != want || check.CheckedAt == nil || string(check.Details) != "{}" {
				t.Errorf("%s: %+v", name, check)
			}
		}
		if Close(all); closed != len(all) {
			t.Errorf("%d of %d probes were closed", closed, len(all))
		}
	}
}

// What was made before a probe that cannot be made is closed.
func TestProbeThatCannotBeMade(t *testing.T) {
	closed := 0
	if _, err := NewTargets(configured(false, "fine", "down", "unmade", "degraded"), probes(&closed)); err == nil || closed != 2 {
		t.Errorf("%v, and %d were closed", err, closed)
	}
}

func TestPick(t *testing.T) {
	conf := configured(false, "database", "redis")
	conf.Services[0].Rules.Critical = true
	all, err := NewTargets(conf, probes(new(int)))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		all   []*Target
		names []string
		want  []*Target
		err   string
	}{
		{all: all, want: all},
		{all: all, names: []string{"redis", "polled", "redis"}, want: all[1:]},
		{all: all, names: []string{"databas"}, err: "databas: kymo.yaml has no check and no polled service of this name; did you mean \"database\"?"},
		{all: all, names: []string{"cache"}, err: "cache: kymo.yaml has no check and no polled service of this name; it has database, redis, polled"},
		{names: []string{"redis"}, err: "kymo.yaml: has nothing to check; list checks, or services with a health URL"},
	} {
		got, err := Pick(test.all, test.names, "kymo.yaml")
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err || len(got) != len(test.want) {
			t.Errorf("%v: got %d targets, %s", test.names, len(got), text)
			continue
		}
		for i := range got {
			if got[i].rules.Critical != (len(test.names) > 0 || got[i].name == "polled") {
				t.Errorf("%v: %s is critical: %v", test.names, got[i].name, got[i].rules.Critical)
			}
			if got[i] != test.want[i] {
				t.Errorf("%v: got %s as number %d", test.names, got[i].name, i)
			}
		}
	}
}

// If the file has no critical check, one that is down is bad news whichever it is.
func TestPickWithoutCriticalChecks(t *testing.T) {
	all, err := NewTargets(configured(false, "down", "fine"), probes(new(int)))
	if err != nil {
		t.Fatal(err)
	}
	picked, err := Pick(all, nil, "kymo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Run(t.Context(), picked)
	if err != nil || answer.Status != health.Down || !answer.Checks["down"].Critical || !answer.Checks["fine"].Critical {
		t.Errorf("%+v, %v", answer, err)
	}
}
