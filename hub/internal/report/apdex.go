package report

import (
	"time"

	"github.com/kymohq/kymo/internal/hist"
)

// apdex is (satisfied + tolerating/2) / all, as the Apdex Alliance's technical
// specification (version 1.1) has it: satisfied are the requests within the
// target, tolerating those within four times the target, and an error is
// neither. Durations are compared by bucket, so the target is accurate to 1.1 %.
func apdex(all, failed *hist.Histogram, target time.Duration) *float64 {
	if all.Count() == 0 {
		return nil
	}
	within := func(d time.Duration) float64 {
		return float64(upTo(all, int64(d)) - upTo(failed, int64(d)))
	}
	satisfied := within(target)
	score := (satisfied + (within(4*target)-satisfied)/2) / float64(all.Count())
	return &score
}

// upTo counts the values in the buckets up to that of v, which is positive.
func upTo(h *hist.Histogram, v int64) uint64 {
	last := hist.Index(v) >> (hist.Scale - h.Scale())
	n := h.Zeros()
	for i, count := range h.Buckets() {
		if i > last {
			break
		}
		n += count
	}
	return n
}
