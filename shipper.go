package kymo

import (
	"context"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

const (
	// stopGrace is how long a sink may take to notice that its context is done, and
	// how long the leaving heartbeat may take if there is no other time for it.
	stopGrace = 100 * time.Millisecond
	// leavingTime is reserved for the leaving heartbeat out of the time to stop, if that
	// is four times as long: a hub that takes no batches, for example because its disk is
	// full, may still take heartbeats, and must not take this instance for crashed.
	leavingTime = 500 * time.Millisecond
)

// shipper runs the goroutines between the recorder and the sink: the collector,
// which fills the queue, and the sender, which empties it. Neither waits for the
// other, so buffers are emptied while the hub is away.
type shipper struct {
	collector *collector
	sender    *sender
	queue     *queue
	health    *wire.HealthLog // what the checks found

	phases  phases
	running sync.WaitGroup
}

// phases are the steps in which a shipper stops.
type phases struct {
	stopping chan struct{} // closed when the remaining requests must be collected and sent
	leaving  phase         // done when it is time for the leaving heartbeat
	ending   phase         // done when no more batches may be sent
	ended    phase         // done when nothing may be sent
}

type phase struct {
	context.Context
	begin context.CancelFunc
}

func newPhases() phases {
	p := phases{stopping: make(chan struct{})}
	for _, phase := range []*phase{&p.leaving, &p.ending, &p.ended} {
		phase.Context, phase.begin = context.WithCancel(context.Background())
	}
	return p
}

func newShipper(r *recorder, e *encoder, o *options, stats *stats, report func() health.Report) *shipper {
	s := &shipper{
		queue:  newQueue(o.queue),
		health: wire.NewHealthLog(e.service),
		phases: newPhases(),
	}
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
		stopping:  s.phases.stopping,
	}
	return s
}

func (s *shipper) start() {
	s.running.Go(func() { s.collector.run(&s.phases) })
	s.running.Go(func() { s.sender.run(&s.phases) })
}

// observe is called with each run of a check.
func (s *shipper) observe(o health.Observation) {
	s.health.Observe(o)
	if o.Before != o.State.Status {
		s.sender.heartbeat.soon()
	}
}

// stop collects the remaining requests and sends them until ctx is done. If that was too
// early, it returns ctx's cause. ctx has a deadline.
func (s *shipper) stop(ctx context.Context) error {
	close(s.phases.stopping)
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	defer s.phases.ended.begin()
	defer s.phases.ending.begin()
	defer s.phases.leaving.begin()
	if ctx.Err() == nil {
		deadline, _ := ctx.Deadline()
		left := time.Until(deadline)
		leave := time.NewTimer(left - min(leavingTime, left/4))
		defer leave.Stop()
		select {
		case <-ended:
			return nil
		case <-leave.C:
			s.phases.leaving.begin()
			select {
			case <-ended:
				return nil
			case <-ctx.Done():
				s.phases.ended.begin()
			}
		case <-ctx.Done():
		}
	}
	s.phases.leaving.begin()
	s.phases.ending.begin()
	// The service must stop even if its sink ignores its context.
	select {
	case <-ended:
	case <-time.After(stopGrace):
	}
	return context.Cause(ctx)
}
