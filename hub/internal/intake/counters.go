package intake

import (
	"sync/atomic"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// Counters count what arrived since the start. A batch that arrives again
// counts only as a duplicate.
type Counters struct {
	Batches    atomic.Uint64 // kept
	Duplicates atomic.Uint64 // batches that were kept before
	Requests   atomic.Uint64 // kept
	Overflowed atomic.Uint64 // of these, under wire.Other because of the cap
	Bytes      atomic.Uint64 // of bodies, as they were sent
	Refused    atomic.Uint64 // bodies that were not accepted, for other reasons than the store
	StoreFails atomic.Uint64 // failed operations of the store
	HealthRows atomic.Uint64 // health results of services, kept
	HealthLate atomic.Uint64 // health results removed: before the retention, or in the future
	HealthLost atomic.Uint64 // statuses in heartbeats without room for their history
	Heartbeats atomic.Uint64
	Doubts     atomic.Uint64 // times the machine's clock came into doubt

	// Dropped counts the requests that services dropped and reported, by reason.
	Dropped [wire.DropReasons]atomic.Uint64

	// Lost counts the requests that were left out of bodies that were kept, by reason.
	Lost [ingest.Reasons]atomic.Uint64
}
