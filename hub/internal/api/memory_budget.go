package api

import "sync/atomic"

// memoryBudget bounds the memory of the bodies that are being read. A body takes quota
// as it grows, not by its announced length, so that a client that sends nothing takes
// almost none. A body for which there is not enough quota is refused: waiting would
// only move the queue from the clients, which can retry, into the hub.
type memoryBudget struct{ free atomic.Int64 }

// minQuota is what any body costs beside its bytes.
const minQuota = 64 << 10

// take takes n bytes and reports whether there were enough.
func (m *memoryBudget) take(n int64) bool {
	if m.free.Add(-n) < 0 {
		m.free.Add(n)
		return false
	}
	return true
}

func (m *memoryBudget) giveBack(n int64) { m.free.Add(n) }
