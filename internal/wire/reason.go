package wire

// DropReason is why a request could not be kept. Its numbers are in batches and in
// stores: new ones come last.
type DropReason uint8

// The reasons. The first four are those of a service, the others those of the hub.
const (
	UnknownReason DropReason = iota // none was given, or one of a later version
	BufferFull                      // requests came faster than they could be collected
	QueueFull                       // the hub was away for longer than the queue lasts
	Rejected                        // the hub refused the batch with them
	Failed                          // collecting them panicked
	Invalid                         // a field is missing or beyond its limit
	TooOld                          // it started before what the hub keeps
	InFuture                        // it started too far ahead of the hub's clock
	DropReasons                     // how many reasons there are
)

var dropReasons = [DropReasons]string{"unknown", "buffer_full", "queue_full", "rejected", "failed", "invalid", "too_old", "in_future"}

// String returns the reason as a label's value.
func (r DropReason) String() string {
	if r >= DropReasons {
		r = UnknownReason
	}
	return dropReasons[r]
}

// Key returns the key of the series in which stores count the drop: one that has a
// service only, and the reason in place of a status.
func (d *Drop) Key() Key { return Key{Service: d.Service, Status: int(d.Reason)} }
