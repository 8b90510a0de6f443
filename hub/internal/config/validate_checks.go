package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/fleet"
	"github.com/kymohq/kymo/hub/internal/maintenance"
)

// The names of the hub's own checks: of a store in a server, of a configuration that was
// rejected, and of the machine's clock. The configuration may use them.
const (
	StoreCheck  = "store"
	ConfigCheck = "config"
	ClockCheck  = "clock"
)

var ownNames = []string{OtherName(StoreCheck), OtherName(ConfigCheck), OtherName(ClockCheck), maintenance.Series}

// OtherName returns the name of a check of the hub itself if the configuration uses its
// plain name. No check or service of the configuration may have this one.
func OtherName(own string) string { return "kymo-" + own }

// minSilence is the min of silence and down_after.
const minSilence = time.Second

func (v *verdict) checks() {
	for i := range v.Checks {
		c := &v.Checks[i]
		entry := fmt.Sprintf("checks[%d]", i)
		v.name(entry, c.Name)
		given := c.Probe.Run != nil
		if !given && v.makers.Probe != nil {
			v.made(entry, func() (health.Probe, error) { return v.makers.Probe(&c.Spec) })
		}
		v.rules(entry, given || v.makers.Probe != nil, &c.Rules)
	}
}

func (v *verdict) services() {
	for i := range v.Services {
		s := &v.Services[i]
		entry := fmt.Sprintf("services[%d]", i)
		s.fill()
		v.name(entry, s.Name)
		if s.Health != "" && v.makers.Service != nil {
			v.made(entry, func() (health.Probe, error) { return v.makers.Service(&s.Poll) })
		}
		if s.Health == "" {
			v.unpolled(entry, &s.Poll)
		}
		v.rules(entry, true, &s.Rules)
		v.requiref(s.Silence >= minSilence, entry+".silence", "is %s; must be at least %s", s.Silence, minSilence)
		v.requiref(s.DownAfter >= minSilence, entry+".down_after", "is %s; must be at least %s", s.DownAfter, minSilence)
		v.requiref(s.Silence < s.DownAfter, entry+".silence", "is %s; must be less than the time after which it is down, %s", s.Silence, s.DownAfter)
	}
}

// unpolled refuses what only a poll would use.
func (v *verdict) unpolled(entry string, p *Poll) {
	fields, of := Fields(reflect.TypeFor[Poll]()), reflect.ValueOf(p).Elem()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !of.FieldByIndex(fields[key].Index).IsZero() {
			v.add(Errorf(entry+"."+key, "has no effect without health, the URL to poll"))
		}
	}
}

// name validates the name of an entry, and remembers it: names are keys in the answer
// of GET /health.
func (v *verdict) name(entry, name string) {
	field := entry + ".name"
	first, taken := v.names[name]
	switch {
	case name == "":
		v.add(Errorf(field, "is missing; it is the key in GET /health and in kymo health"))
	case v.broken(entry, health.ValidateName(name)):
	case strings.Contains(name, "/"):
		v.add(Errorf(field, `%q contains a "/", which separates a service from its check`, name))
	case slices.Contains(ownNames, name):
		v.add(Errorf(field, "%q is kept for a check of the hub itself; give it another name", name))
	case taken:
		where := ""
		if place := v.Places.Find(first + ".name"); place.Line > 0 {
			where = fmt.Sprintf(", on line %d", place.Line)
		}
		v.add(Errorf(field, "%q is the name of %s already%s; give each a name of its own", name, first, where))
	default:
		v.names[name] = entry
	}
}

// made validates a probe by making it.
func (v *verdict) made(entry string, maker func() (health.Probe, error)) {
	p, err := maker()
	if err != nil {
		v.add(asError("type", err).within(entry))
		return
	}
	if p.Close != nil {
		_ = p.Close() // it was never used
	}
}

// rules validates the rules of an entry with package health. An entry without a probe
// has no rules.
func (v *verdict) rules(entry string, probed bool, r *health.Rules) {
	var p health.Probe
	if probed {
		p = health.Func(nil)
	}
	v.broken(entry, health.Validate(p, Option(*r)))
}

// broken reports whether a rule of an entry is broken, and takes the error.
func (v *verdict) broken(entry string, err error) bool {
	wrong, ok := errors.AsType[*health.FieldError](err)
	if ok {
		v.add(&Error{Field: entry + "." + wrong.Field, Problem: wrong.Err.Error()})
	}
	return ok
}

// fill fills in the defaults. Heartbeats are in memory and silence is measured, so the
// check can run often and one result is enough.
func (s *Service) fill() {
	s.Silence = cmp.Or(s.Silence, fleet.DefaultSilence)
	s.DownAfter = cmp.Or(s.DownAfter, fleet.DefaultDownAfter)
	if s.Health == "" && s.Probe.Run == nil {
		s.Interval = cmp.Or(s.Interval, time.Second)
		s.Failures, s.Successes = cmp.Or(s.Failures, 1), cmp.Or(s.Successes, 1)
	}
}

// Discovered returns the configuration of a service that was not named in it.
func Discovered(name string) Service {
	s := Service{Name: name}
	s.fill()
	return s
}
