// Package checkup runs the checks of a configuration once, without a hub: NewTargets
// makes their probes, Pick selects some by name, and Run runs them and answers as
// GET /health would.
package checkup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/nearest"
)

// Target is what can be checked now: a check, or a service that is polled.
type Target struct {
	name  string
	probe health.Probe
	rules health.Rules
}

// NewTargets makes the probes of all checks of a validated configuration, and of the
// services that have a URL. It contacts nothing.
func NewTargets(c *config.Config, makers config.Makers) (all []*Target, err error) {
	add := func(name string, rules health.Rules, p health.Probe, makeErr error) {
		if err = makeErr; err == nil {
			all = append(all, &Target{name: name, probe: p, rules: rules})
		}
	}
	for i := 0; i < len(c.Checks) && err == nil; i++ {
		p, makeErr := makers.Probe(&c.Checks[i].Spec)
		add(c.Checks[i].Name, c.Checks[i].Rules, p, makeErr)
	}
	for i := 0; i < len(c.Services) && err == nil; i++ {
		if s := &c.Services[i]; s.Health != "" {
			p, makeErr := makers.Service(&s.Poll)
			add(s.Name, s.Rules, p, makeErr)
		}
	}
	if err != nil {
		Close(all)
		return nil, err
	}
	return all, nil
}

// Close closes the probes.
func Close(all []*Target) {
	for _, t := range all {
		if t.probe.Close != nil {
			_ = t.probe.Close() // it has done its work
		}
	}
}

// Pick returns the targets with these names, each once and as a critical one, or all if
// there are no names. If none of all is critical, each of them is: one that is down must be
// bad news to the caller. Errors name the file that they are configured in.
func Pick(all []*Target, names []string, file string) ([]*Target, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: has nothing to check; list checks, or services with a health URL", file)
	}
	if len(names) == 0 {
		if !slices.ContainsFunc(all, func(t *Target) bool { return t.rules.Critical }) {
			for _, t := range all {
				t.rules.Critical = true
			}
		}
		return all, nil
	}
	var known []string
	for _, t := range all {
		known = append(known, t.name)
	}
	var picked []*Target
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			hint := "it has " + strings.Join(known, ", ")
			if near := nearest.Likely(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, fmt.Errorf("%s: %s has no check and no polled service of this name; %s", name, file, hint)
		}
		if !slices.Contains(picked, all[i]) {
			all[i].rules.Critical = true
			picked = append(picked, all[i])
		}
	}
	return picked, nil
}

// Run runs each target once, all of them at the same time. The status of the whole is
// down if a critical one is.
func Run(ctx context.Context, targets []*Target) (*health.Answer, error) {
	results := make([]health.Result, len(targets))
	errs := make([]error, len(targets))
	var running sync.WaitGroup
	for i, t := range targets {
		running.Go(func() {
			results[i], errs[i] = health.Run(ctx, t.probe, config.Option(t.rules))
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return nil, errors.New("stopped before all checks were run")
	}
	report := health.Report{Status: health.Healthy, Time: time.Now()}
	for i, t := range targets {
		r := &results[i]
		// A check that was run once has the status of that run: thresholds need several.
		report.Add(health.CheckReport{
			Name: t.name, Critical: t.rules.Critical, State: health.State{Status: r.Status}, Stuck: r.Stuck,
			CheckedAt: r.At, Latency: r.Latency, Reason: r.Reason, Details: r.Details,
		})
	}
	answer := health.Plain(&report, true)
	return &answer, errors.Join(errs...)
}
