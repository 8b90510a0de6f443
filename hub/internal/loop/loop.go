// Package loop runs a function periodically in the background.
//
// Start starts a goroutine that calls a function at each tick, and StartWaking one that is
// also woken in between. Stop ends it and waits until it has ended. ReportOnce reports an
// error once if round after round fails.
package loop

import (
	"context"
	"time"
)

// Loop is a goroutine that calls a function at each tick, one call at a time.
type Loop struct {
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
	l := &Loop{cancel: cancel, ended: make(chan struct{})}
	stop := func() {}
	if ticks == nil {
		ticker := time.NewTicker(every)
		ticks, stop = ticker.C, ticker.Stop
	}
	go func() {
		defer close(l.ended)
		defer stop()
		for ctx.Err() == nil { // select takes any of two that are ready
			select {
			case <-ctx.Done():
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
	l.cancel()
	<-l.ended
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
