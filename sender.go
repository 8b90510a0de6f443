package kymo

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

const (
	attemptTimeout = 10 * time.Second
	minBackoff     = 100 * time.Millisecond
	maxBackoff     = 15 * time.Second
)

// sender delivers the batches of the queue to the sink, in order and one at a time, and
// sends heartbeats between them. Only the goroutine of run calls the sink, and uses the
// fields, except for those shared with others (queue, drops, stats).
type sender struct {
	queue     *queue
	sink      Sink
	drops     *drops
	stats     *stats
	heartbeat *heartbeat
	stopping  <-chan struct{} // closed when the monitor is about to stop
	away      bool            // the last attempt to deliver failed
}

// run sends until the monitor stops. The leaving heartbeat is sent last, unless the
// batches take so long that it would be too late.
func (s *sender) run(p *phases) {
	if c, ok := s.sink.(interface{ close() }); ok {
		defer c.close()
	}
	s.heartbeat.start()
	all := s.send(p.leaving)
	heard := s.heartbeat.leave(p.ended)
	if all {
		return
	}
	if s.send(p.ending) && !heard {
		s.heartbeat.leave(p.ended) // the hub has just come back
	}
}

// send delivers batches and sends heartbeats until ctx is done. It reports whether
// the queue is closed and empty.
func (s *sender) send(ctx context.Context) bool {
	for ctx.Err() == nil {
		select {
		case <-s.heartbeat.timer.C:
			s.beat(ctx)
			s.heartbeat.reset()
		default:
		}
		b, closed := s.queue.head()
		switch {
		case b != nil:
			s.deliver(ctx, b)
		case closed:
			return true
		default:
			select {
			case <-s.queue.changed:
			case <-s.heartbeat.news:
				s.beat(ctx)
			case <-s.heartbeat.timer.C:
				s.beat(ctx)
				s.heartbeat.reset()
			case <-ctx.Done():
			}
		}
	}
	return false
}

// beat sends a heartbeat unless the hub is away, since nothing would receive it.
func (s *sender) beat(ctx context.Context) {
	if !s.away {
		s.heartbeat.send(ctx)
	}
}

// deliver tries to ship b, the queue's first, until it is durable or rejected, or
// ctx is done.
func (s *sender) deliver(ctx context.Context, b *batch) {
	stopping := s.stopping
	for n := 0; ; n++ {
		err := attempt(ctx, attemptTimeout, s.stats, "shipping", func(ctx context.Context) error {
			return s.sink.Ship(ctx, b.data)
		})
		switch {
		case err == nil:
			s.away = false
			s.stats.delivered(b)
			s.queue.pop()
			return
		case errors.Is(err, ErrRejected):
			s.away = false // it has answered
			s.reject(b, err)
			s.queue.pop()
			return
		}
		s.away = true
		s.stats.failed(err)
		select {
		case <-s.queue.hurry: // the attempt has just been made
		default:
		}
		hurry := s.queue.hurry
		if askedToWait(err) > 0 {
			hurry = nil
		}
		timer := time.NewTimer(backoff(n, err))
		select {
		case <-timer.C:
		case <-hurry:
		case <-stopping:
			// This is the last chance: try at once, and start with short waits again.
			stopping, n = nil, -1
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// reject drops a batch that the sink will never take.
func (s *sender) reject(b *batch, err error) {
	s.drops.rejected(time.Now(), b.drops)
	s.drops.add(b.collected, wire.Rejected, b.requests)
	s.stats.rejected(b, err)
}

// backoff returns how long to wait after a failed attempt, the first being 0:
// exponential with full jitter, so that many services do not come back at once,
// and at least what the hub asked for.
func backoff(attempt int, err error) time.Duration {
	limit := minBackoff << min(max(attempt, 0), 10)
	return rand.N(min(limit, maxBackoff)) + askedToWait(err)
}

// askedToWait returns the minimum wait that the hub has asked for.
func askedToWait(err error) time.Duration {
	if h := (*hubError)(nil); errors.As(err, &h) {
		return h.after
	}
	return 0
}
