package kymo

import (
	"context"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

// stopGrace is how long a sink may take to notice that its context is done.
const stopGrace = 100 * time.Millisecond

// shipper runs the goroutines between the recorder and the sink: the collector,
// which fills the queue, and the sender, which empties it. Neither waits for the
// other, so buffers are emptied while the hub is away.
type shipper struct {
	collector *collector
	sender    *sender
	queue     *queue
	health    *wire.HealthLog // what the checks found

	stopping chan struct{}   // closed when the monitor is about to stop
	ctx      context.Context // done when nothing may be tried any longer
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newShipper(r *recorder, e *encoder, o *options, stats *stats, report func() health.Report) *shipper {
	s := &shipper{
		queue:    newQueue(o.queue),
		health:   wire.NewHealthLog(e.service),
		stopping: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	drops := &drops{service: e.service}
	s.collector = &collector{
		recorder: r,
		encoder:  e,
		spare:    r.newBuffer(),
		health:   s.health,
		queue:    s.queue,
		drops:    drops,
		stats:    stats,
		flushes:  make(chan flushRequest),
	}
	s.sender = &sender{
		queue:     s.queue,
		sink:      o.sink,
		drops:     drops,
		stats:     stats,
		heartbeat: newHeartbeat(e.identity, o.sink, stats, report),
	}
	return s
}

func (s *shipper) start() {
	s.running.Go(func() { s.collector.run(s.ctx, s.stopping) })
	s.running.Go(func() { s.sender.run(s.ctx, s.stopping) })
}

// observe is called with each run of a check.
func (s *shipper) observe(o health.Observation) {
	s.health.Observe(o)
	if o.Before != o.State.Status {
		s.sender.heartbeat.soon()
	}
}

// stop collects what is there, sends it until ctx is done, and returns the cause
// of ctx's end if that was too early.
func (s *shipper) stop(ctx context.Context) error {
	close(s.stopping)
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	defer s.cancel()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	// The service must stop even if its sink does not obey.
	select {
	case <-ended:
	case <-time.After(stopGrace):
	}
	return context.Cause(ctx)
}
