// Package rollup is the vocabulary of counted requests.
//
// A request is counted in a series (Key), which is an Endpoint with a status. The
// requests of one series in a Window, or in a step of one, make a Rollup. Stores
// keep rollups in the spans of a Resolution, as many as they have Levels.
package rollup

import (
	"time"

	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// Key names a series: service, endpoint, method and status.
type Key = wire.Key

// Window is a half-open span of time, [From, To), in Unix milliseconds.
type Window struct{ From, To int64 }

// LastHours returns the window of n hours that ends now.
func LastHours(now time.Time, n int) Window {
	to := now.UnixMilli()
	return Window{to - int64(n)*time.Hour.Milliseconds(), to}
}

// Contains reports whether the instant lies in the window.
func (w Window) Contains(ms int64) bool { return w.From <= ms && ms < w.To }

// Steps cuts the window at the multiples of step (milliseconds): the first and the
// last part may be shorter. Without a step, or in an empty window, it is one part.
func (w Window) Steps(step int64) []Window {
	if step <= 0 || w.From >= w.To {
		return []Window{w}
	}
	var parts []Window
	for from := w.From; from < w.To; {
		to := min(w.To, StepOf(from, step)+step)
		parts = append(parts, Window{from, to})
		from = to
	}
	return parts
}

// StepOf returns the last multiple of step that is not after the instant, both in
// milliseconds. Without a step it is 0.
func StepOf(ms, step int64) int64 {
	if step <= 0 {
		return 0
	}
	return ms - ((ms%step)+step)%step
}

// Rollup is the requests of one series in a window, or in a step of one.
type Rollup struct {
	Key
	// Start is the multiple of the query's step at which the rollup's step begins
	// (Unix milliseconds); 0 without a step.
	Start     int64
	Durations hist.Histogram // nanoseconds
	// Dropped counts requests of the service that could not be kept, for one Reason. It
	// comes in a rollup whose key is that of a wire.Drop, and whose histogram is empty.
	Dropped uint64
}

// Reason returns why the requests of Dropped could not be kept.
func (r *Rollup) Reason() wire.DropReason {
	if r.Status < 0 || r.Status >= int(wire.DropReasons) {
		return wire.UnknownReason
	}
	return wire.DropReason(r.Status)
}
