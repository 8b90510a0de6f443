package hub

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/fleet"
	"github.com/kymohq/kymo/hub/internal/probe"
)

// leastSilence is the least that silence and down_after may be.
const leastSilence = time.Second

// settleChecks fills in the defaults of the services and returns all that is
// wrong with the checks and the services, each as a *FieldError. Nothing is contacted.
func (c *Config) settleChecks() (wrong []error) {
	names := make(map[string]string) // to the place that has it
	for i := range c.Checks {
		place := fmt.Sprintf("checks[%d]", i)
		wrong = append(wrong, wrongName(names, place, c.Checks[i].Name)...)
		wrong = append(wrong, wrongCheck(place, &c.Checks[i])...)
	}
	c.Services = slices.Clone(c.Services) // the caller's stay as they are
	for i := range c.Services {
		place := fmt.Sprintf("services[%d]", i)
		s := &c.Services[i]
		s.settle()
		wrong = append(wrong, wrongName(names, place, s.Name)...)
		wrong = append(wrong, wrongService(place, s)...)
	}
	return wrong
}

// wrongName says what is wrong with the name at a place, and takes note of it.
func wrongName(names map[string]string, place, name string) []error {
	field, problem := place+".name", ""
	switch first, taken := names[name]; {
	case name == "":
		problem = "is missing"
	case len(name) > health.MaxName || !utf8.ValidString(name):
		problem = fmt.Sprintf("must be 1 to %d bytes of UTF-8", health.MaxName)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		problem = "holds a control character"
	case strings.Contains(name, "/"):
		problem = fmt.Sprintf(`%q holds a "/", which stands between a service and its check`, name)
	case taken:
		problem = fmt.Sprintf("%q is the name of %s already", name, first)
	default:
		names[name] = place
		return nil
	}
	return []error{&FieldError{field, problem}}
}

func wrongCheck(place string, s *Check) (wrong []error) {
	p, err := probe.New(s)
	if s.Type == "" {
		err = &probe.FieldError{Field: "type", Problem: "is missing; it is one of " + strings.Join(probe.Types(), ", ")}
	}
	return append(wrongProbe(place, p, err), wrongOptions(place, s.Failures, checkOptions(s))...)
}

func wrongService(place string, s *Service) (wrong []error) {
	if s.Health != "" {
		p, err := probe.Service(s.Health)
		wrong = wrongProbe(place, p, err)
	}
	wrong = append(wrong, wrongOptions(place, s.Failures, serviceOptions(s))...)
	for _, d := range []struct {
		key   string
		value time.Duration
	}{{"silence", s.Silence}, {"down_after", s.DownAfter}} {
		if d.value < leastSilence {
			wrong = append(wrong, &FieldError{place + "." + d.key, fmt.Sprintf("is %s; must be at least %s", d.value, leastSilence)})
		}
	}
	if s.Silence >= s.DownAfter {
		wrong = append(wrong, &FieldError{place + ".silence",
			fmt.Sprintf("is %s; must be less than down_after, %s", s.Silence, s.DownAfter)})
	}
	return wrong
}

// wrongProbe frees a probe that was made to see whether it can be, or says why not.
func wrongProbe(place string, p health.Probe, err error) []error {
	if f := (*probe.FieldError)(nil); errors.As(err, &f) {
		return []error{&FieldError{place + "." + f.Field, f.Problem}}
	}
	if p.Close != nil {
		_ = p.Close() // it was never used
	}
	return nil
}

// wrongOptions says what health finds wrong with the options, in the words of
// the configuration.
func wrongOptions(place string, failures int, opts []health.Option) []error {
	any := health.Func(nil)
	err := health.Validate(any, opts...)
	if err == nil {
		return nil
	}
	key, problem, _ := strings.Cut(err.Error(), ": ")
	if key == "thresholds" {
		key = "failures"
		if health.Validate(any, health.Thresholds(failures, 0)) == nil {
			key = "successes"
		}
	}
	return []error{&FieldError{place + "." + key, problem}}
}

// settle fills in the defaults. What instances said is in memory and their
// silence is measured, so that it may be looked at often and believed at once.
func (s *Service) settle() {
	s.Silence = cmp.Or(s.Silence, fleet.DefaultSilence)
	s.DownAfter = cmp.Or(s.DownAfter, fleet.DefaultDownAfter)
	if s.Health == "" {
		s.Interval = cmp.Or(s.Interval, time.Second)
		s.Failures, s.Successes = cmp.Or(s.Failures, 1), cmp.Or(s.Successes, 1)
	}
}

func checkOptions(s *Check) []health.Option {
	return options(health.Settings{
		Interval: s.Interval, Timeout: s.Timeout, DegradedOver: s.DegradedOver,
		Failures: s.Failures, Successes: s.Successes, Critical: s.Critical,
	})
}

func serviceOptions(s *Service) []health.Option {
	return options(health.Settings{
		Interval: s.Interval, Timeout: s.Timeout, DegradedOver: s.DegradedOver,
		Failures: s.Failures, Successes: s.Successes, Critical: s.Critical,
	})
}

func options(settings health.Settings) []health.Option {
	return []health.Option{func(s *health.Settings) { *s = settings }}
}
