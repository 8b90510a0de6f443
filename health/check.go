package health

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxName bounds the name of a check, in bytes.
const MaxName = 100

// Defaults of a check, and bounds.
const (
	DefaultInterval  = 10 * time.Second
	defaultTimeout   = 2 * time.Second // or a third of the interval, if that is less
	defaultThreshold = 2
	minInterval      = 100 * time.Millisecond
	maxThreshold     = 100
)

// An Option changes the rules of a check.
type Option func(*Rules)

// Rules set how a check is run and judged. Each has an option.
type Rules struct {
	// Interval is from the start of one run to the start of the next; 0 is 10 s.
	// A little of it, up to a tenth, is cut off at random.
	Interval time.Duration
	// Timeout is how long a run may take; 0 is 2 s or a third of the interval,
	// whichever is less.
	Timeout time.Duration
	// DegradedOver is the latency budget: a run that took longer is degraded. 0 is none.
	DegradedOver time.Duration
	// Failures is how many runs in a row must be worse before the status gets worse, and
	// Successes how many must be better before it gets better; 0 is 2 each. Until one of
	// them is reached for the first time, the status is Unknown.
	Failures, Successes int
	// StartPeriod is how long what is checked may take to start: runs that fail in it do
	// not count, until one does not fail. 0 is none.
	StartPeriod time.Duration
	// DependsOn names the checks without which what is checked cannot work. While one of
	// them is down, that explains why this one is not healthy.
	DependsOn []string
	// Critical is whether the service cannot work without what is checked: if it is down,
	// so is the service.
	Critical bool

	liveness bool     // see Liveness
	traffic  *Traffic // see Passive
	past     *Past    // see Resume
}

// Every sets the interval, from the start of one run to the start of the next. The
// default is 10 s.
func Every(interval time.Duration) Option {
	return func(s *Rules) { s.Interval = interval }
}

// Timeout sets how long a run may take. The default is 2 s or a third of the
// interval, whichever is less.
func Timeout(limit time.Duration) Option { return func(s *Rules) { s.Timeout = limit } }

// DegradedOver sets the latency budget: a run that took longer is degraded.
func DegradedOver(budget time.Duration) Option {
	return func(s *Rules) { s.DegradedOver = budget }
}

// Thresholds sets how many runs in a row must be worse before the status gets worse, and
// how many must be better before it gets better. The default is 2 each. Until one of them
// is reached for the first time, the status is Unknown.
func Thresholds(failures, successes int) Option {
	return func(s *Rules) { s.Failures, s.Successes = failures, successes }
}

// StartPeriod sets how long what is checked may take to start, from the registration of
// the check on. Until a run does not fail, the runs that fail in it do not count, and the
// status is Unknown.
func StartPeriod(period time.Duration) Option {
	return func(s *Rules) { s.StartPeriod = period }
}

// Critical makes the service down while the check is down: the service cannot work
// without what is checked.
func Critical() Option { return func(s *Rules) { s.Critical = true } }

// Liveness makes the liveness probe fail while the check is down, so that the process
// is restarted. Probes of dependencies are rejected: a database that is down would
// otherwise restart every service over and over.
func Liveness() Option { return func(s *Rules) { s.liveness = true } }

// Passive derives the status from the calls that t has seen. The probe runs only if there
// were none for an interval.
func Passive(t *Traffic) Option { return func(s *Rules) { s.traffic = t } }

// ErrLocalOnly is the error of a check that has Liveness but probes a dependency.
var ErrLocalOnly = errors.New("a liveness check may probe this process only: " +
	"restarting the service does not fix a dependency; leave Liveness out")

// rules returns what the options set. An option may be nil.
func rules(opts []Option) Rules {
	var s Rules
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	return s
}

// A FieldError is the error of one rule of a check, or of its name or probe. Packages hub
// and hub/checks have it for the fields of their structs.
type FieldError struct {
	// Field is a rule in snake case, such as "degraded_over", or a field as in Go, such as
	// "Checks[1].DegradedOver".
	Field string
	// Err is what is wrong and how to fix it; it contains no secrets. Callers may decide
	// on it, such as on ErrLocalOnly.
	Err error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

func fieldErrorf(field, format string, args ...any) error {
	return &FieldError{field, fmt.Errorf(format, args...)}
}

// fillOf is fill for the check of that name.
func (s *Rules) fillOf(name string, p *Probe) error {
	if slices.Contains(s.DependsOn, name) {
		return fieldErrorf("depends_on", "names the check itself; leave %q out", name)
	}
	return s.fill(p)
}

// fill fills in the defaults. It returns a *FieldError if a rule is invalid.
func (s *Rules) fill(p *Probe) error {
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	if s.Interval < minInterval {
		return fieldErrorf("interval", "is %s; must be at least %s", s.Interval, minInterval)
	}
	if s.Timeout == 0 {
		s.Timeout = min(defaultTimeout, s.Interval/3)
	}
	if s.Timeout < 0 || s.Timeout > s.Interval {
		return fieldErrorf("timeout", "is %s; must be above 0 and at most the interval, %s", s.Timeout, s.Interval)
	}
	if s.DegradedOver < 0 || s.DegradedOver >= s.Timeout {
		return fieldErrorf("degraded_over", "is %s; must be less than the timeout, %s, or 0 for no budget", s.DegradedOver, s.Timeout)
	}
	if s.StartPeriod < 0 {
		return fieldErrorf("start_period", "is %s; must be 0 or more", s.StartPeriod)
	}
	for _, n := range []struct {
		name  string
		value *int
	}{{"failures", &s.Failures}, {"successes", &s.Successes}} {
		if *n.value == 0 {
			*n.value = defaultThreshold
		}
		if *n.value < 1 || *n.value > maxThreshold {
			return fieldErrorf(n.name, "is %d; must be from 1 to %d", *n.value, maxThreshold)
		}
	}
	for _, name := range s.DependsOn {
		if ValidateName(name) != nil {
			return fieldErrorf("depends_on", "%q is not the name of a check; write names of 1 to %d bytes", name, MaxName)
		}
	}
	if p.Run == nil {
		return fieldErrorf("probe", "has no Run function; make it with Func, SQL, HTTP or the like")
	}
	if s.liveness && !p.Local {
		return fieldErrorf("liveness", "%w", ErrLocalOnly)
	}
	return nil
}
