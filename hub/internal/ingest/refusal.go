package ingest

import "github.com/kymohq/kymo/internal/wire"

// RefusalError is the error of Reader.Next for an element that is not kept, while the
// body it came in is. It is counted by its reason.
type RefusalError struct {
	Reason  Reason
	Problem string // what is wrong and what is right, for the sender
}

func (r *RefusalError) Error() string { return r.Problem }

// Reason is why a request is not kept.
type Reason uint8

// The reasons. The hub's metrics have a counter for each, named by String.
const (
	Invalid  Reason = iota // a field is missing or beyond its limit
	TooOld                 // it started before what the hub keeps
	InFuture               // it started too far ahead of the hub's clock
	Reasons                // how many reasons there are
)

var dropReasons = [Reasons]wire.DropReason{Invalid: wire.Invalid, TooOld: wire.TooOld, InFuture: wire.InFuture}

// Drop returns the reason as stores keep it.
func (r Reason) Drop() wire.DropReason {
	if r >= Reasons {
		return wire.UnknownReason
	}
	return dropReasons[r]
}

// String returns the reason as a label's value.
func (r Reason) String() string { return r.Drop().String() }
