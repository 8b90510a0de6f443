package kymo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kymohq/kymo/wire"
)

const (
	attemptTimeout = 10 * time.Second
	minBackoff     = 100 * time.Millisecond
	maxBackoff     = 15 * time.Second
)

// sender delivers the batches of the queue to the sink, in order and one at a
// time, and sends the heartbeats between them. Everything but what it shares with
// others (queue, drops, stats) belongs to the goroutine of run, which alone
// calls the sink.
type sender struct {
	queue     *queue
	sink      Sink
	drops     *drops
	stats     *stats
	heartbeat *heartbeat
	away      bool // the last attempt to deliver failed
}

// run sends until the queue is closed and empty, or ctx is done.
func (s *sender) run(ctx context.Context, stopping <-chan struct{}) {
	if c, ok := s.sink.(interface{ close() }); ok {
		defer c.close()
	}
	s.heartbeat.start()
	defer s.heartbeat.stop()
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
			s.deliver(ctx, b, stopping)
		case closed:
			if !s.away {
				s.heartbeat.send(ctx, wire.Leaving)
			}
			return
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
}

// beat sends a heartbeat unless the hub is away: then nobody is asking for one.
func (s *sender) beat(ctx context.Context) {
	if !s.away {
		s.heartbeat.send(ctx, wire.Present)
	}
}

// deliver tries to ship b, the queue's first, until it is durable or rejected, or
// ctx is done.
func (s *sender) deliver(ctx context.Context, b *batch, stopping <-chan struct{}) {
	for attempt := 0; ; attempt++ {
		err := s.ship(ctx, b)
		switch {
		case err == nil:
			s.away = false
			s.stats.delivered(b)
			s.queue.pop()
			return
		case errors.Is(err, ErrRejected):
			s.away = false // it answers
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
		timer := time.NewTimer(backoff(attempt, err))
		select {
		case <-timer.C:
		case <-hurry:
		case <-stopping:
			// The last chance: try at once, and begin with short waits again.
			stopping, attempt = nil, -1
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// ship makes one attempt.
func (s *sender) ship(ctx context.Context, b *batch) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			s.stats.panicked("shipping", v)
			err = fmt.Errorf("the sink panicked: %v", v)
		}
	}()
	return s.sink.Ship(ctx, b.data)
}

// reject drops a batch that the sink will never take.
func (s *sender) reject(b *batch, err error) {
	s.drops.restore(b.drops)
	s.drops.add(b.collected, b.requests)
	s.stats.rejected(b, err)
}

// backoff returns how long to wait after a failed attempt, the first being 0:
// exponential with full jitter, so that many services do not come back at once,
// and at least what the hub asked for.
func backoff(attempt int, err error) time.Duration {
	limit := minBackoff << min(max(attempt, 0), 10)
	return rand.N(min(limit, maxBackoff)) + askedToWait(err)
}

// askedToWait returns how long the hub wants not to be asked again.
func askedToWait(err error) time.Duration {
	if h := (*hubError)(nil); errors.As(err, &h) {
		return h.after
	}
	return 0
}
