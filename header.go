package kymo

import (
	"strconv"
	"time"
)

// The headers that the middleware adds, in canonical form: they are put into
// the header's map directly.
const (
	responseTime = "X-Response-Time"
	serverTiming = "Server-Timing"
)

// responseTimes has the values of X-Response-Time below about a second, so that they
// take no allocation.
var responseTimes = func() (t [1024]string) {
	for ms := range t {
		t[ms] = strconv.Itoa(ms) + "ms"
	}
	return t
}()

// responseTimeValue returns the header's value for a time in nanoseconds: whole
// milliseconds, rounded down.
func responseTimeValue(ns int64) string {
	ms := uint64(max(ns, 0)) / uint64(time.Millisecond)
	if ms < uint64(len(responseTimes)) {
		return responseTimes[ms]
	}
	return strconv.FormatUint(ms, 10) + "ms"
}

// serverTimingValue returns the metric "total" in milliseconds with one decimal.
func serverTimingValue(ns int64) string {
	return "total;dur=" + strconv.FormatFloat(float64(ns)/1e6, 'f', 1, 64)
}
