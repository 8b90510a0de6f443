// Package rollup has the words for requests that were counted instead of kept:
// the series (Key), the span of time (Window), and what is known of one series
// in one span (Rollup).
package rollup

import (
	"time"

	"github.com/kymohq/kymo/hist"
	"github.com/kymohq/kymo/wire"
)

// Key names a series: service, endpoint, method and status.
type Key = wire.Key

// Window is a half-open span of time, [From, To), in Unix milliseconds.
type Window struct{ From, To int64 }

// LastHours returns the window of n hours that ends at now.
func LastHours(now time.Time, n int) Window {
	to := now.UnixMilli()
	return Window{to - int64(n)*time.Hour.Milliseconds(), to}
}

// Contains says whether the instant lies in the window.
func (w Window) Contains(ms int64) bool { return w.From <= ms && ms < w.To }

// Rollup is what is known of one series in a window.
type Rollup struct {
	Key
	Durations hist.Histogram // nanoseconds
	// Dropped counts requests of the service that could not be kept. It comes in
	// a rollup whose key has only the service, and whose histogram is empty.
	Dropped uint64
}
