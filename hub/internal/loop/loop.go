// Package loop runs a function periodically in the background.
//
// Start starts a goroutine that calls a function at each tick, and StartWaking one that is
// also woken in between. Stop ends it and waits until it has ended, and Finish lets the
// round under way come to its end. ReportOnce reports an error once if round after round
// fails.
package loop

import (
	"context"
	"time"
)

// Loop is a goroutine that calls a function at each tick, one call at a time.
type Loop struct {
	last   context.CancelFunc // lets no other round begin
	cancel context.CancelFunc
	ended  chan struct{}
}

// Start calls round at the given interval. A call that takes longer skips ticks. Tests
// pass ticks, which then replaces the clock. A panic in round is not recovered.
func Start(every time.Duration, ticks <-chan time.Time, round func(ctx context.Context)) *Loop {
	return StartWaking(every, ticks, round, nil, nil)
}

// StartWaking is Start for a loop that also calls woken for each value from wake.
func StartWaking(every time.Duration, ticks <-chan time.Time, round func(ctx context.Context), wake <-chan struct{}, woken func(ctx context.Context)) *Loop {
	ctx, cancel := context.WithCancel(context.Background())
	more, last := context.WithCancel(ctx)
	l := &Loop{last: last, cancel: cancel, ended: make(chan struct{})}
	stop := func() {}
	if ticks == nil {
		ticker := time.NewTicker(every)
		ticks, stop = ticker.C, ticker.Stop
	}
	go func() {
		defer close(l.ended)
		defer stop()
		for more.Err() == nil { // select takes any of two that are ready
			select {
			case <-more.Done():
			case <-ticks:
				round(ctx) // a tick that was taken is not lost
			case <-wake:
				woken(ctx)
			}
		}
	}()
	return l
}

// Stop ends the context of the round under way, if any, and waits until it has
// returned. No other begins. Stop may be called any number of times; a nil Loop
// was not started and has ended.
func (l *Loop) Stop() {
	if l == nil {
		return
	}
	l.last() // first, so that a round that ends is the last
	l.cancel()
	<-l.ended
}

// Finish is Stop for a round whose work would be in doubt if it was cut short: its context
// goes on until ctx ends.
func (l *Loop) Finish(ctx context.Context) {
	if l == nil {
		return
	}
	l.last()
	select {
	case <-l.ended:
	case <-ctx.Done():
	}
	l.Stop()
}

// ReportOnce returns a round that calls report with the first of consecutive errors.
// Errors of a round that was stopped are not reported.
func ReportOnce(round func(ctx context.Context) error, report func(error)) func(ctx context.Context) {
	failed := false
	return func(ctx context.Context) {
		err := round(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			report(err)
		}
		failed = err != nil
	}
}
