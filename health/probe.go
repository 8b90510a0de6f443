package health

import (
	"context"
	"errors"
	"fmt"
)

// Probe looks at one thing. Make one with Func, Self or the functions named
// after what they look at (SQL, HTTP, TCP, …).
type Probe struct {
	// Kind says what is looked at, in a word: "sql", "http". Reports show it.
	Kind string
	// Local says that the probe looks at nothing but this process, so that a
	// restart is a remedy for what it finds.
	Local bool
	// Run looks once. It should return soon after ctx is done. It returns what it
	// saw, which may be nil, and what is wrong: nil for healthy, an error made by
	// Degradedf or Unknownf for those, any other for down. Calls do not overlap.
	Run func(ctx context.Context) (Details, error)
	// Close, if not nil, frees what the probe holds. No run follows it.
	Close func() error
}

// Details are what a probe saw, by name: numbers, texts, booleans, and lists or
// maps of them. They must not hold secrets, and must not change once returned.
type Details map[string]any

// Func is a probe of something outside the process: f returns nil if it is
// healthy, an error made by Degradedf if it works badly, any other if it is down.
func Func(f func(ctx context.Context) error) Probe {
	return Probe{Kind: "func", Run: func(ctx context.Context) (Details, error) { return nil, f(ctx) }}
}

// Self is Func for a look at nothing but this process: a deadlock, a loop that
// stopped. Such checks may be for liveness.
func Self(f func(ctx context.Context) error) Probe {
	p := Func(f)
	p.Kind, p.Local = "self", true
	return p
}

// Degradedf returns an error that says: it works, but not as it should.
func Degradedf(format string, args ...any) error {
	return &verdict{Degraded, fmt.Errorf(format, args...)}
}

// Unknownf returns an error that says: it cannot be told how it is.
func Unknownf(format string, args ...any) error {
	return &verdict{Unknown, fmt.Errorf(format, args...)}
}

// verdict is an error that is not the failure of what was probed.
type verdict struct {
	status Status
	err    error
}

func (v *verdict) Error() string { return v.err.Error() }
func (v *verdict) Unwrap() error { return v.err }

// StatusOf says which status a probe's error stands for.
func StatusOf(err error) Status {
	if err == nil {
		return Healthy
	}
	if v := (*verdict)(nil); errors.As(err, &v) {
		return v.status
	}
	return Down
}
