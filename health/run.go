package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Finding is what one run of a probe saw.
type Finding struct {
	At      time.Time       // when it ended
	Status  Status          // what it saw, before any threshold
	Latency time.Duration   // how long it took; of passive checks, the mean of the calls
	Reason  string          // why it is not healthy, "" if it is
	Details json.RawMessage // what it saw, a JSON object, or nil
	Stuck   bool            // it did not return, though its time was up
}

// grace is how much longer than its time limit a run may take to notice it.
const grace = 100 * time.Millisecond

// Look runs a probe once, as a registry would: within the time limit, and
// judged by the latency budget. It returns when the time limit is up, whether
// the probe does or not. It is an error if the options are wrong.
func Look(ctx context.Context, p Probe, opts ...Option) (Finding, error) {
	var s Settings
	for _, opt := range opts {
		opt(&s)
	}
	if err := s.settle(&p); err != nil {
		return Finding{}, err
	}
	f, _ := look(ctx, &p, &s)
	return f, nil
}

// look runs the probe once. If it is stuck, the channel is closed when it returns.
func look(ctx context.Context, p *Probe, s *Settings) (Finding, <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	type result struct {
		details json.RawMessage
		err     error
		took    time.Duration
	}
	results := make(chan result, 1)
	returned := make(chan struct{})
	begun := time.Now()
	go func() {
		defer close(returned)
		var r result
		r.details, r.err = runSafely(ctx, p)
		r.took = time.Since(begun)
		results <- r
	}()
	var r result
	select {
	case r = <-results:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r = <-results:
		case <-timer.C:
			return Finding{
				At: time.Now(), Status: Down, Latency: time.Since(begun), Stuck: true,
				Reason: fmt.Sprintf("no answer within %s, and the check does not end", s.Timeout),
			}, returned
		}
	}
	f := Finding{At: time.Now(), Status: StatusOf(r.err), Latency: r.took, Details: r.details}
	if r.err != nil {
		f.Reason = brief(r.err.Error())
		var late lateError
		if ctx.Err() != nil && f.Status == Down && !errors.As(r.err, &late) {
			f.Reason = fmt.Sprintf("no answer within %s", s.Timeout)
		}
	}
	return judge(f, s), nil
}

// lateError is a failure that says more than that the time was up.
type lateError string

func (e lateError) Error() string { return string(e) }

// judge holds a finding against the latency budget.
func judge(f Finding, s *Settings) Finding {
	if f.Status == Healthy && s.DegradedOver > 0 && f.Latency > s.DegradedOver {
		f.Status = Degraded
		f.Reason = fmt.Sprintf("took %s, over %s", f.Latency.Round(10*time.Microsecond), s.DegradedOver)
	}
	return f
}

// runSafely makes an error of a panic, of the probe or of what is in its
// details: it must not end the service.
func runSafely(ctx context.Context, p *Probe) (d json.RawMessage, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = nil, fmt.Errorf("the check panicked: %v", v)
		}
	}()
	details, err := p.Run(ctx)
	return encode(details), err
}
