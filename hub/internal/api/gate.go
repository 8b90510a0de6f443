package api

import "sync/atomic"

// gate bounds the memory of the bodies that are being read. A body takes its
// share before its first byte and is turned away if there is none: waiting would
// only move the queue from the clients, who can retry, into the hub.
type gate struct{ free atomic.Int64 }

// leastShare is what any body costs beside its bytes.
const leastShare = 64 << 10

// enter takes n bytes, if there are as many.
func (g *gate) enter(n int64) bool {
	if g.free.Add(-n) < 0 {
		g.free.Add(n)
		return false
	}
	return true
}

func (g *gate) leave(n int64) { g.free.Add(n) }
