package main

import (
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// target is something that can be checked now: a check, or a service that is
// polled.
type target struct {
	name  string
	probe health.Probe
	rules config.Rules
}

// targetsOf makes the probes of all checks of a configuration that was validated,
// and of the services that have a URL. Nothing is contacted.
func targetsOf(c *config.Config) (all []*target, err error) {
	add := func(name string, rules config.Rules, p health.Probe, makeErr error) {
		if err = makeErr; err == nil {
			all = append(all, &target{name: name, probe: p, rules: rules})
		}
	}
	for i := 0; i < len(c.Checks) && err == nil; i++ {
		p, makeErr := makers.Probe(&c.Checks[i].Spec)
		add(c.Checks[i].Name, c.Checks[i].Rules, p, makeErr)
	}
	for i := 0; i < len(c.Services) && err == nil; i++ {
		if s := &c.Services[i]; s.Health != "" {
			p, makeErr := makers.Service(s.Health)
			add(s.Name, s.Rules, p, makeErr)
		}
	}
	if err != nil {
		closeTargets(all)
		return nil, err
	}
	return all, nil
}

func (t *target) close() {
	if t.probe.Close != nil {
		_ = t.probe.Close() // it has done its work
	}
}

func closeTargets(all []*target) {
	for _, t := range all {
		t.close()
	}
}
