package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kymohq/kymo/internal/duration"
	"github.com/kymohq/kymo/internal/timeout"
)

// Result is what one run of a probe found.
type Result struct {
	At      time.Time       // when it ended
	Status  Status          // before any threshold
	Latency time.Duration   // how long it took; of passive checks, the mean of the calls
	Reason  string          // why it is not healthy, "" if it is
	Details json.RawMessage // a JSON object, or nil
	Stuck   bool            // it did not return, though its timeout had passed
}

const (
	// grace is how much longer than its timeout a run may take to notice it.
	grace = 100 * time.Millisecond
	// oversleep is how much longer still it may take on a busy machine. A run that took
	// longer than that is one of a process that was suspended meanwhile.
	oversleep = 2 * time.Second
)

// Run runs a probe once, as a registry would: with the timeout and the latency budget of
// the options. It returns when the timeout has passed, even if the probe does not. The
// error is a *FieldError, of a wrong option or probe.
func Run(ctx context.Context, p Probe, opts ...Option) (Result, error) {
	s := rules(opts)
	if err := s.fill(&p); err != nil {
		return Result{}, err
	}
	r, _ := runAwake(ctx, &p, &s)
	return r, nil
}

// runAwake runs the probe once, and again if the process was suspended in the middle: it
// is not the probe's fault that an answer came late, or that a connection was lost. If
// that happens again, the result is unknown. If the run is stuck, the channel is closed
// when it returns.
func runAwake(ctx context.Context, p *Probe, s *Rules) (Result, <-chan struct{}) {
	for again := false; ; again = true {
		begun := time.Now()
		f, stuck := runOnce(ctx, p, s)
		if !suspended(begun, &f, s) {
			return f, stuck
		}
		if again || stuck != nil {
			f.Status, f.Reason = Unknown, "this process was suspended meanwhile"
			return f, stuck
		}
	}
}

// suspended reports whether the result of a run that began then is that of a process that
// did not run for some time.
func suspended(begun time.Time, f *Result, s *Rules) bool {
	return f.Status != Healthy && f.At.Sub(begun) > s.Timeout+grace+oversleep
}

// runOnce runs the probe once, like runAwake.
func runOnce(ctx context.Context, p *Probe, s *Rules) (Result, <-chan struct{}) {
	ctx, cancel := timeout.Context(ctx, s.Timeout)
	defer cancel()
	type outcome struct {
		details json.RawMessage
		err     error
		took    time.Duration
	}
	outcomes := make(chan outcome, 1)
	returned := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(returned)
		var r outcome
		r.details, r.err = runSafely(ctx, p)
		r.took = time.Since(begun)
		outcomes <- r
	}()
	var r outcome
	select {
	case r = <-outcomes:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r = <-outcomes:
		case <-timer.C:
			return Result{
				At: time.Now(), Status: Down, Latency: time.Since(begun), Stuck: true,
				Reason: "no answer within " + duration.Text(s.Timeout) + ", and the check is still running",
			}, returned
		}
	}
	f := Result{At: time.Now(), Status: StatusOf(r.err), Latency: r.took, Details: r.details}
	if r.err != nil {
		f.Reason = brief(r.err.Error())
		// Drivers tell in many ways that the time is up. An error with such a method, which
		// returns true, tells it well, and keeps its text.
		var told interface{ Late() bool }
		if ctx.Err() != nil && f.Status == Down && !(errors.As(r.err, &told) && told.Late()) {
			f.Reason = "no answer within " + duration.Text(s.Timeout)
		}
	}
	return judge(f, s), nil
}

// lateError is a timeout with a more precise reason.
type lateError string

func (e lateError) Error() string { return string(e) }

// Late implements what runOnce asks for.
func (e lateError) Late() bool { return true }

// judge compares a result with the latency budget.
func judge(f Result, s *Rules) Result {
	if f.Status == Healthy && s.DegradedOver > 0 && f.Latency > s.DegradedOver {
		f.Status = Degraded
		took, budget := duration.Distinct(f.Latency, s.DegradedOver)
		f.Reason = "took " + took + ", over " + budget
	}
	return f
}

// runSafely turns a panic in the probe, or in the encoding of its details, into an
// error: it must not end the service.
func runSafely(ctx context.Context, p *Probe) (d json.RawMessage, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = nil, fmt.Errorf("the check panicked: %v", v)
		}
	}()
	details, err := p.Run(ctx)
	return encode(details), err
}
