package kymo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

const (
	heartbeatEvery   = 10 * time.Second
	heartbeatTimeout = 2 * time.Second
	// refusedPause is how long a sink that rejected a heartbeat, such as a hub of an
	// earlier version, is sent no more.
	refusedPause = 10 * time.Minute
)

// heartbeat tells the sink that this instance is alive, or leaving, and the status of
// its checks. Only the sender's goroutine uses it, except for news.
type heartbeat struct {
	identity identity
	sink     Sink
	stats    *stats
	report   func() health.Report // the status of the checks
	timer    *time.Timer          // fires when the next one is due
	news     chan struct{}        // a check's status changed since the last one
	refused  time.Time            // when the sink last rejected one
	left     bool                 // the leaving heartbeat was sent; none may follow
}

func newHeartbeat(id identity, sink Sink, stats *stats, report func() health.Report) *heartbeat {
	return &heartbeat{identity: id, sink: sink, stats: stats, report: report, news: make(chan struct{}, 1)}
}

// soon requests a heartbeat before the next one is due. It may be called from any
// goroutine.
func (h *heartbeat) soon() { signal(h.news) }

func (h *heartbeat) start() { h.timer = time.NewTimer(collectEvery) }

// reset starts the wait for the next heartbeat, which varies a little so that instances
// that start together do not stay in step.
func (h *heartbeat) reset() { h.timer.Reset(heartbeatEvery - rand.N(heartbeatEvery/10)) }

// send makes one attempt to send a heartbeat. A failure loses nothing: the next
// heartbeat replaces it.
func (h *heartbeat) send(ctx context.Context) {
	if h.left || !h.refused.IsZero() && time.Since(h.refused) < refusedPause {
		return
	}
	select {
	case <-h.news: // this heartbeat includes it
	default:
	}
	if errors.Is(h.ship(ctx, wire.Present), ErrRejected) {
		h.refused = time.Now()
	}
}

// leave makes one attempt to send the last heartbeat, even to a sink that rejected
// earlier ones. It reports whether the sink answered.
func (h *heartbeat) leave(ctx context.Context) bool {
	h.left = true
	err := h.ship(ctx, wire.Leaving)
	return err == nil || errors.Is(err, ErrRejected)
}

func (h *heartbeat) ship(ctx context.Context, kind wire.Kind) error {
	return attempt(ctx, heartbeatTimeout, h.stats, "sending a heartbeat", func(ctx context.Context) error {
		return h.sink.Ship(ctx, h.encode(kind))
	})
}

func (h *heartbeat) encode(kind wire.Kind) []byte {
	b := wire.Batch{
		Instance: h.identity.instance,
		Version:  h.identity.version,
		Kind:     kind,
		Health:   wire.Heartbeat(h.identity.service, h.report()),
	}
	return b.AppendBinary(nil)
}
