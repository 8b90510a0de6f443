package api

import "sync/atomic"

// memoryBudget bounds the memory of the bodies that are being read. A body takes quota
// as it grows, not as it announces: who sends nothing holds next to nothing. One for
// which there is not enough left is refused: waiting would only move the queue from
// the clients, who can retry, into the hub.
type memoryBudget struct{ free atomic.Int64 }

// minQuota is what any body costs beside its bytes.
const minQuota = 64 << 10

// take takes n bytes, and reports whether there were as many.
func (m *memoryBudget) take(n int64) bool {
	if m.free.Add(-n) < 0 {
		m.free.Add(n)
		return false
	}
	return true
}

func (m *memoryBudget) giveBack(n int64) { m.free.Add(n) }
