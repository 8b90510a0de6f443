package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/internal/wire"
)

// target is something that can be looked at now: a check, or a service that is
// polled.
type target struct {
	name     string
	probe    health.Probe
	settings health.Settings
}

func (t *target) close() {
	if t.probe.Close != nil {
		_ = t.probe.Close() // it has done its work
	}
}

// targets makes the probes of all checks and of the services that have a URL,
// or says what is wrong and where. Nothing is contacted.
func (s *settings) targets() (all []*target, err error) {
	defer func() {
		if err != nil {
			closeTargets(all)
			all, err = nil, s.places.locate(err)
		}
	}()
	var wrong []error
	for i := range s.checks {
		c := &s.checks[i]
		t := &target{name: c.Name, settings: health.Settings{
			Interval: c.Interval, Timeout: c.Timeout, DegradedOver: c.DegradedOver,
			Failures: c.Failures, Successes: c.Successes, Critical: c.Critical,
		}}
		t.probe, err = probe.New(c)
		wrong = append(wrong, t.check(fmt.Sprintf("checks[%d].", i), err))
		all = append(all, t)
	}
	for i := range s.services {
		v := &s.services[i]
		t := &target{name: v.Name, settings: health.Settings{
			Interval: v.Interval, Timeout: v.Timeout, DegradedOver: v.DegradedOver,
			Failures: v.Failures, Successes: v.Successes, Critical: v.Critical,
		}}
		err := error(nil)
		if v.Health != "" {
			t.probe, err = probe.Service(v.Health)
			all = append(all, t)
		}
		wrong = append(wrong, t.check(fmt.Sprintf("services[%d].", i), err))
	}
	return all, errors.Join(wrong...)
}

func closeTargets(all []*target) {
	for _, t := range all {
		t.close()
	}
}

// check returns what is wrong with a target as a *hub.FieldError, or nil. Err is
// why it has no probe; prefix is put before the field.
func (t *target) check(prefix string, err error) error {
	var field *probe.FieldError
	if errors.As(err, &field) {
		return &hub.FieldError{Field: prefix + field.Field, Problem: field.Problem}
	}
	if wire.Clean(t.name, health.MaxName) != t.name {
		return &hub.FieldError{Field: prefix + "name",
			Problem: fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", health.MaxName)}
	}
	if err := judgeSettings(&t.settings); err != nil {
		name, problem, _ := strings.Cut(err.Error(), ": ")
		if name == "thresholds" { // which are two keys
			name = "successes"
			n := t.settings.Successes
			if judgeSettings(&health.Settings{Failures: t.settings.Failures}) != nil {
				name, n = "failures", t.settings.Failures
			}
			_, rule, _ := strings.Cut(problem, "; ")
			problem = fmt.Sprintf("is %d; %s", n, rule)
		}
		return &hub.FieldError{Field: prefix + name, Problem: problem}
	}
	return nil
}

// judgeSettings says what is wrong with settings, by a look at nothing.
func judgeSettings(s *health.Settings) error {
	nothing := health.Func(func(context.Context) error { return nil })
	_, err := health.Look(context.Background(), nothing, func(to *health.Settings) { *to = *s })
	return err
}
