package health

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// minDemand is from one run that Registry.Run asked for to the next of the same check: it
// must not be a way to put load on what is checked.
const minDemand = time.Second

// ErrTooSoon is the error of Registry.Run.
var ErrTooSoon = errors.New("the check was run on demand less than a second ago, or such a run is under way")

// Run runs a check now, in addition to its schedule, and returns the result with the state
// that followed. The run counts like any other: it has the timeout of the check, never
// overlaps another run of it, and is observed. The next run follows an interval later.
//
// The error wraps ErrUnknownCheck if no check has that name, ErrTooSoon if a run on demand
// was less than a second ago, and ErrClosed if the check ends meanwhile. If ctx is done
// first, the run goes on without the caller.
func (r *Registry) Run(ctx context.Context, name string) (Observation, error) {
	r.mu.Lock()
	c, closed := r.checks[name], r.closed
	r.mu.Unlock()
	var o Observation
	err := ErrUnknownCheck
	switch {
	case closed:
		err = ErrClosed
	case c != nil:
		o, err = c.runNow(ctx)
	}
	if err != nil {
		return Observation{}, fmt.Errorf("check %q: %w", name, err)
	}
	return o, nil
}

// runNow has the loop run the check, after the run under way if there is one.
func (c *check) runNow(ctx context.Context) (Observation, error) {
	c.mu.Lock()
	now := time.Now()
	if c.awaited || !c.demanded.IsZero() && now.Sub(c.demanded) < minDemand {
		c.mu.Unlock()
		return Observation{}, ErrTooSoon
	}
	c.awaited, c.demanded = true, now
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.awaited, c.demanded = false, time.Now()
	}()
	result := make(chan Observation, 1)
	select {
	case c.demands <- result:
	case <-c.quiet:
		return Observation{}, ErrClosed
	case <-ctx.Done():
		return Observation{}, ctx.Err()
	}
	select {
	case o := <-result:
		return o, nil
	case <-c.quiet:
		return Observation{}, ErrClosed
	case <-ctx.Done():
		return Observation{}, ctx.Err()
	}
}
