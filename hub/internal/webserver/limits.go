package webserver

import (
	"cmp"
	"time"
)

// Limits are how long a client may keep the server waiting. A field that is 0 has
// its default.
type Limits struct {
	Idle     time.Duration // for the next bytes of a body; 10 s
	Body     time.Duration // for all of a body, and a second more for each Rate bytes; 30 s
	Rate     int64         // 64 KiB
	Leftover time.Duration // for the next bytes of what the handler did not read of a body; 1 s
	Discard  time.Duration // for all of that; 5 s
	Write    time.Duration // to take a piece of an answer; 30 s
	Stall    time.Duration // after which an answer that is not taken may give way to others; 5 s
}

// Sizes that no test needs to change.
const (
	pieceSize   = 64 << 10  // of an answer, for which Limits.Write holds
	maxLeftover = 256 << 10 // of a body: as much as net/http reads to use a connection again
	maxTooLarge = 128 << 20 // of a body that is refused because it is too large
)

func (l Limits) withDefaults() *Limits {
	l.Idle = cmp.Or(l.Idle, 10*time.Second)
	l.Body = cmp.Or(l.Body, 30*time.Second)
	l.Rate = cmp.Or(l.Rate, 64<<10)
	l.Leftover = cmp.Or(l.Leftover, time.Second)
	l.Discard = cmp.Or(l.Discard, 5*time.Second)
	l.Write = cmp.Or(l.Write, 30*time.Second)
	l.Stall = cmp.Or(l.Stall, 5*time.Second)
	return &l
}
