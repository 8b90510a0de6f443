package wire

import (
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/hist"
)

// HealthResult is what the runs of one check found over a span of time in which its
// status did not change.
type HealthResult struct {
	Service string // the service that has the check; "" for the hub's own checks
	Check   string // the check's name; "" for the service as a whole. One of the two is not empty.

	Status   health.Status // never Unknown in a batch that is Kept, where a gap means that
	Flapping bool
	Critical bool
	// The span, both ends included, in Unix milliseconds. Where one ends the next
	// begins; in a gap between them, the check did not run.
	From, To int64

	Failures uint64         // runs in the span that were not healthy
	Latency  hist.Histogram // of the runs in the span, nanoseconds; it may be empty
	Reason   string         // of the last run that was not healthy, in this span or before; "" if there was none
	Details  string         // of the last run, a JSON object; "" if it had none
}

// Name returns the name that is unique among all checks: "redis" for one of the hub's
// own, "orders" for a service, "orders/redis" for a check of that service.
func (h *HealthResult) Name() string {
	switch {
	case h.Service == "":
		return h.Check
	case h.Check == "":
		return h.Service
	}
	return h.Service + "/" + h.Check
}

// Kind is the kind of a batch.
type Kind uint8

const (
	// Kept batches are stored, and count once by their identity.
	Kept Kind = iota
	// Present batches are heartbeats: their instance is alive, and Health is the
	// status of its checks. They have nothing else and are not stored; their sequence
	// number means nothing.
	Present
	// Leaving batches are the last heartbeats of instances that stop on purpose.
	Leaving
)
