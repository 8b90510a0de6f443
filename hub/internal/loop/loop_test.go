package loop

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoundsAreSoFarApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		l := Start(time.Minute, nil, func(context.Context) { at = append(at, time.Since(began)) })
		time.Sleep(3*time.Minute + time.Second)
		l.Stop()
		time.Sleep(time.Hour)
		if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}; !slices.Equal(at, want) {
			t.Errorf("rounds after %v, want %v", at, want)
		}
	})
}

func TestTicksFromOutside(t *testing.T) {
	ticks, rounds := make(chan time.Time), make(chan struct{})
	l := Start(time.Nanosecond, ticks, func(context.Context) { rounds <- struct{}{} })
	for range 3 {
		ticks <- time.Time{}
		<-rounds
	}
	l.Stop()
	select {
	case ticks <- time.Time{}:
		t.Error("a stopped loop took a tick")
	case <-rounds:
		t.Error("there was a round without a tick")
	default:
	}
}

func TestWakingBetweenTicks(t *testing.T) {
	ticks, wake, calls := make(chan time.Time), make(chan struct{}), make(chan string)
	l := StartWaking(time.Hour, ticks,
		func(context.Context) { calls <- "round" }, wake, func(context.Context) { calls <- "woken" })
	for range 2 {
		ticks <- time.Time{}
		if got := <-calls; got != "round" {
			t.Errorf("%s at a tick", got)
		}
		wake <- struct{}{}
		if got := <-calls; got != "woken" {
			t.Errorf("%s when woken", got)
		}
	}
	l.Stop()
	select {
	case wake <- struct{}{}:
		t.Error("a stopped loop was woken")
	default:
	}
}

func TestStopEndsARoundAndWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		l := Start(time.Second, nil, func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Minute) // it takes its time
			ended.Store(true)
		})
		time.Sleep(2 * time.Second)
		for range 2 {
			l.Stop()
			if !ended.Load() {
				t.Error("Stop returned before the round had")
			}
		}
	})
	var none *Loop
	none.Stop()
}

func TestFinishWaitsForARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			limit, want time.Duration
			cut         bool
		}{{time.Hour, time.Minute, false}, {time.Second, time.Second, true}} {
			ticks, rounds := make(chan time.Time, 2), 0
			cut := false
			l := Start(0, ticks, func(ctx context.Context) {
				rounds++
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
					cut = true
				}
			})
			ticks <- time.Time{}
			synctest.Wait()
			ticks <- time.Time{}
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			begin := time.Now()
			for range 2 {
				l.Finish(ctx)
			}
			cancel()
			if took := time.Since(begin); rounds != 1 || cut != test.cut || took != test.want {
				t.Errorf("with %v: %d rounds, the last cut short: %v, after %v; want 1, %v, %v", test.limit, rounds, cut, took, test.cut, test.want)
			}
		}
	})
	var none *Loop
	none.Finish(t.Context())
}

// A tick during the last round does not start another.
func TestNoRoundAfterStop(t *testing.T) {
	for range 100 { // select takes any of two that are ready
		ticks, rounds := make(chan time.Time, 1), 0
		began := make(chan struct{})
		l := Start(0, ticks, func(ctx context.Context) {
			if rounds++; rounds == 1 {
				close(began)
			}
			<-ctx.Done()
		})
		ticks <- time.Time{}
		<-began
		ticks <- time.Time{}
		if l.Stop(); rounds != 1 {
			t.Fatalf("%d rounds", rounds)
		}
	}
}

func TestErrorsAreToldWhenTheyBegin(t *testing.T) {
	first, second, third := errors.New("first"), errors.New("second"), errors.New("third")
	results := []error{nil, first, first, nil, second, third, nil}
	var told []error
	at := 0
	round := ReportOnce(func(context.Context) error { at++; return results[at-1] }, func(err error) { told = append(told, err) })
	for range results {
		round(t.Context())
	}
	if want := []error{first, second}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	ReportOnce(func(context.Context) error { return first }, func(err error) { t.Errorf("told %v of a round that was stopped", err) })(stopped)
}
