package ingest

import "fmt"

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

// String returns the reason as a label's value.
func (r Reason) String() string {
	switch r {
	case Invalid:
		return "invalid"
	case TooOld:
		return "too_old"
	case InFuture:
		return "in_future"
	}
	return fmt.Sprintf("reason_%d", uint8(r))
}
