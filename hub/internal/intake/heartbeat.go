package intake

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// HeartbeatFunc is called with each heartbeat and the time of its arrival. The
// batch is reused after it returns.
type HeartbeatFunc func(b *wire.Batch, at time.Time)

// heartbeats passes heartbeats on to its subscribers.
type heartbeats struct {
	mu          sync.Mutex // serializes subscribe
	subscribers atomic.Pointer[[]HeartbeatFunc]
}

func (h *heartbeats) subscribe(f HeartbeatFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []HeartbeatFunc
	if p := h.subscribers.Load(); p != nil {
		all = slices.Clone(*p) // publish may be using it.
	}
	all = append(all, f)
	h.subscribers.Store(&all)
}

func (h *heartbeats) publish(b *wire.Batch, at time.Time) {
	if p := h.subscribers.Load(); p != nil {
		for _, f := range *p {
			f(b, at)
		}
	}
}
