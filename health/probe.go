package health

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Probe tries one thing, such as a query to a database. Make one with Func, Self or
// the functions that are named after what they probe (SQL, HTTP, TCP, …).
type Probe struct {
	// Kind is what is probed, in a word: "sql", "http". Reports show it.
	Kind string
	// Local is whether the probe is of this process alone, so that a restart can fix what
	// it finds.
	Local bool
	// Delay is how long after a failure a run may still not find it, as if the probe waits
	// for a silence. Usually it is 0.
	Delay time.Duration
	// Run tries once. It should return soon after ctx is done. It returns details, which
	// may be nil, and an error: nil if healthy, one made by Degradedf or Unknownf if
	// degraded or unknown, any other if down. Calls do not overlap.
	Run func(ctx context.Context) (Details, error)
	// Close, if not nil, frees the resources of the probe. No run follows it.
	Close func() error
}

// Details are what a run found, by name: numbers, texts, booleans, and lists or
// maps of them. They must not hold secrets, and must not change once returned.
type Details map[string]any

// Func returns a probe of something outside the process: f returns nil if it is
// healthy, an error made by Degradedf if it works badly, any other if it is down.
func Func(f func(ctx context.Context) error) Probe {
	return Probe{Kind: "func", Run: func(ctx context.Context) (Details, error) { return nil, f(ctx) }}
}

// Self is Func for a probe of this process alone: of a deadlock, or a loop that
// stopped. Such checks may have Liveness.
func Self(f func(ctx context.Context) error) Probe {
	p := Func(f)
	p.Kind, p.Local = "self", true
	return p
}

// Degradedf returns an error with which a probe reports Degraded: what it probes works,
// but not as it should.
func Degradedf(format string, args ...any) error {
	return &verdict{Degraded, fmt.Errorf(format, args...)}
}

// Unknownf returns an error with which a probe reports Unknown: it could not determine the
// status.
func Unknownf(format string, args ...any) error {
	return &verdict{Unknown, fmt.Errorf(format, args...)}
}

// verdict is an error that stands for another status than Down.
type verdict struct {
	status Status
	err    error
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// StatusOf returns the status that a probe's error stands for.
func StatusOf(err error) Status {
	if err == nil {
		return Healthy
	}
	if v := (*verdict)(nil); errors.As(err, &v) {
		return v.status
	}
	return Down
}
