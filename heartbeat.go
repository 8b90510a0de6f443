package kymo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

const (
	heartbeatEvery   = 10 * time.Second
	heartbeatTimeout = 2 * time.Second
	// refusedPause is how long a sink that rejects heartbeats, such as a hub of an
	// earlier version, is left in peace.
	refusedPause = 10 * time.Minute
)

// heartbeat tells the sink that this instance is there, or leaving, and how its
// checks stand. All but news belongs to the sender's goroutine.
type heartbeat struct {
	identity identity
	sink     Sink
	stats    *stats
	report   func() health.Report // how the checks stand
	timer    *time.Timer          // fires when the next one is due
	news     chan struct{}        // a check's status changed since the last one
	refused  time.Time            // when the sink last rejected one
}

func newHeartbeat(id identity, sink Sink, stats *stats, report func() health.Report) *heartbeat {
	return &heartbeat{identity: id, sink: sink, stats: stats, report: report, news: make(chan struct{}, 1)}
}

// soon asks for a heartbeat that does not wait until it is due. It may be called
// from any goroutine.
func (h *heartbeat) soon() { signal(h.news) }

func (h *heartbeat) start() { h.timer = time.NewTimer(collectEvery) }

func (h *heartbeat) stop() { h.timer.Stop() }

// reset starts the wait for the next heartbeat, which differs a little from one
// to the next so that instances started together do not stay together.
func (h *heartbeat) reset() { h.timer.Reset(heartbeatEvery - rand.N(heartbeatEvery/10)) }

// send makes one attempt to send a heartbeat. A failure is no loss: the next one
// says more.
func (h *heartbeat) send(ctx context.Context, kind wire.Kind) {
	if !h.refused.IsZero() && time.Since(h.refused) < refusedPause {
		return
	}
	select {
	case <-h.news: // this one tells it
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	defer h.stats.contain("sending a heartbeat")
	if err := h.sink.Ship(ctx, h.encode(kind)); errors.Is(err, ErrRejected) {
		h.refused = time.Now()
	}
}

func (h *heartbeat) encode(kind wire.Kind) []byte {
	b := wire.Batch{
		Instance: h.identity.instance,
		Kind:     kind,
		Health:   wire.Heartbeat(h.identity.service, h.report()),
	}
	return b.AppendBinary(nil)
}
