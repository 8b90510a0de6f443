package intake

import "sync/atomic"

// Counters say what came in since the start. A batch that came twice counts
// once, as a duplicate the second time.
type Counters struct {
	Batches    atomic.Uint64 // kept
	Duplicates atomic.Uint64 // batches that were kept before
	Requests   atomic.Uint64 // kept
	Overflowed atomic.Uint64 // of these, under wire.Other because of the cap
	Late       atomic.Uint64 // dropped: older than the retention, or in the future
	Dropped    atomic.Uint64 // dropped by the services, as they said
	Bytes      atomic.Uint64 // of bodies, as they came over the wire
	Refused    atomic.Uint64 // bodies that were not accepted, for whatever reason but the store's
	StoreFails atomic.Uint64 // failed operations of the store
	HealthRows atomic.Uint64 // health results of services, kept
	HealthLate atomic.Uint64 // health results removed: before the retention, or in the future
	Presence   atomic.Uint64 // batches that say who is there; nothing of them is kept
}
