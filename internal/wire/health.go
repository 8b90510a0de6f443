package wire

import (
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/hist"
)

// HealthResult is what one check found over a span of time in which its status
// did not change.
type HealthResult struct {
	Service string // whose check it is; "" for the hub's own
	Check   string // its name; "" for the service as a whole. One of the two is not empty.

	Status   health.Status // never Unknown in a batch that is Kept: no result says that
	Flapping bool
	Critical bool
	// The span, both ends included, in Unix milliseconds. Where one ends the next
	// begins; a gap between them is time in which nobody checked.
	From, To int64

	Failures uint64         // runs in the span that were not healthy
	Latency  hist.Histogram // of the runs in the span, nanoseconds; it may be empty
	Reason   string         // why the last run that was not healthy was not, in this span or before it; "" if all were
	Details  string         // what the last run saw, a JSON object; "" if nothing
}

// Name is what the check is called wherever all of them are told apart:
// "redis" for one of the hub's own, "orders" for a service, "orders/redis" for
// a check of that service.
func (h *HealthResult) Name() string {
	switch {
	case h.Service == "":
		return h.Check
	case h.Check == "":
		return h.Service
	}
	return h.Service + "/" + h.Check
}

// Kind says what becomes of a batch.
type Kind uint8

const (
	// Kept batches are made durable and count once, by their identity.
	Kept Kind = iota
	// Present batches say that their instance is there, and how its checks
	// stand. They are not kept, hold nothing but Health, and their sequence
	// number means nothing.
	Present
	// Leaving is the last word of an instance that stops on purpose; otherwise
	// as Present.
	Leaving
)
