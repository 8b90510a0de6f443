package kymo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

const (
	collectEvery = time.Second
	shipTimeout  = 10 * time.Second // for one attempt
	minBackoff   = 100 * time.Millisecond
	maxBackoff   = 15 * time.Second
	stopGrace    = 100 * time.Millisecond // for a sink to notice that its context is done
)

// shipper owns the two goroutines between the recorder and the sink: one
// collects records into parcels, the other sends parcels. Neither waits for the
// other, so buffers are emptied while the hub is away.
type shipper struct {
	recorder *recorder
	encoder  *encoder
	spare    buffer // what the next shard to be taken gets
	held     uint64 // requests that were taken and are in no parcel yet
	queue    *queue
	drops    *drops
	sink     Sink
	logger   *slog.Logger

	report func() health.Report // how the checks stand
	health *wire.HealthLog      // what they saw
	news   chan struct{}        // tells the sender that a check's status changed

	ctx      context.Context // done when the shipper must not try any longer
	cancel   context.CancelFunc
	stopping chan struct{}
	done     sync.WaitGroup

	mu       sync.Mutex
	problems []string
	unseen   uint64 // results of checks that were dropped
	shipped  uint64
	dropped  uint64 // after they were taken from the recorder
	batches  uint64
	panics   uint64
	lastErr  string
	refused  time.Time // when the sink last rejected presence
	trouble  string    // the kind of failure that was logged since the last success
	rejected time.Time // when the sink last did
}

func newShipper(r *recorder, e *encoder, o *options) *shipper {
	s := &shipper{
		recorder: r,
		encoder:  e,
		spare:    r.newBuffer(),
		queue:    newQueue(o.queue),
		drops:    &drops{service: e.service},
		sink:     o.sink,
		logger:   o.logger,
		report:   func() health.Report { return health.Report{} },
		health:   wire.NewHealthLog(e.service),
		news:     make(chan struct{}, 1),
		problems: o.problems,
		stopping: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *shipper) start() {
	s.done.Add(2)
	go s.collect()
	go s.send()
}

// stop collects what is there, sends it until ctx is done, and returns the error
// of ctx if that was too early.
func (s *shipper) stop(ctx context.Context) error {
	close(s.stopping)
	ended := make(chan struct{})
	go func() {
		s.done.Wait()
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

// collect is the collector's goroutine.
func (s *shipper) collect() {
	defer s.done.Done()
	defer s.queue.close()
	for _, problem := range s.stats().Problems {
		s.log(slog.LevelWarn, "kymo: wrong option", "problem", problem)
	}
	ticker := time.NewTicker(collectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.recorder.wake:
			s.guard(func() { s.drain(s.spare, false) })
		case <-ticker.C:
			s.guard(func() { s.drain(s.spare, true) })
			s.guard(func() { s.history(false) })
		case <-s.stopping:
			s.guard(func() { s.drain(buffer{}, true) })
			s.guard(func() { s.history(true) })
			return
		}
	}
}

// guard contains a panic of ours: the requests in hand are dropped and counted.
func (s *shipper) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked("collecting", v)
			s.drop(time.Now(), s.held)
			s.held = 0
			s.encoder.reset()
			s.spare = s.recorder.newBuffer() // the old one may be a shard's now
		}
	}()
	f()
}

// drain takes what all shards hold, giving the first the empty buffer and each
// other its predecessor's, and makes parcels of it: only full ones, unless all is
// set. An empty buffer without memory closes all shards.
func (s *shipper) drain(empty buffer, all bool) {
	closing := empty.records == nil
	for i := range s.recorder.shards {
		full, dropped := s.recorder.shards[i].take(empty)
		now := time.Now()
		s.held += uint64(full.n)
		s.drops.add(now, dropped)
		s.encode(&full, now)
		full.clear()
		if !closing {
			empty = full
			s.spare = full
		}
	}
	if all {
		s.parcel(time.Now())
	}
}

func (s *shipper) encode(b *buffer, now time.Time) {
	offset := s.encoder.offset(now)
	for i := range b.records[:b.n] {
		s.encoder.add(b, &b.records[i], offset)
		if s.encoder.builder.Len() == maxBatch {
			s.parcel(now)
		}
	}
}

// parcel puts what the encoder holds and the drops into the queue.
func (s *shipper) parcel(now time.Time) {
	requests := uint64(s.encoder.builder.Len())
	if requests == 0 && s.rejectedSince(now.Add(-maxBackoff)) {
		return // a count that was rejected a moment ago would only go around
	}
	taken := s.drops.take()
	if requests == 0 && len(taken) == 0 {
		return
	}
	p := &parcel{bytes: s.encoder.take(taken), requests: requests, made: now, drops: taken}
	s.held -= requests
	if s.queue.push(p) {
		s.encoder.keep()
		return
	}
	s.drops.restore(taken)
	s.drop(now, requests)
}

// drop counts requests, taken from the recorder, as lost.
func (s *shipper) drop(at time.Time, requests uint64) {
	s.drops.add(at, requests)
	s.mu.Lock()
	s.dropped += requests
	s.mu.Unlock()
}

func (s *shipper) rejectedSince(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejected.After(t)
}

// send is the sender's goroutine.
func (s *shipper) send() {
	defer s.done.Done()
	if c, ok := s.sink.(interface{ close() }); ok {
		defer c.close()
	}
	beat := time.NewTimer(collectEvery)
	defer beat.Stop()
	last := false
	for s.ctx.Err() == nil {
		select {
		case <-beat.C:
			s.present(wire.Present)
			beat.Reset(presentEvery - rand.N(presentEvery/10))
		default:
		}
		p, closed := s.queue.head()
		switch {
		case p != nil:
			s.deliver(p)
		case closed && last:
			s.present(wire.Leaving)
			return
		case closed:
			// What was dropped since, for want of room, is said now. The encoder
			// is ours: the collector has ended.
			last = true
			s.guard(func() { s.parcel(time.Now()) })
		default:
			select {
			case <-s.queue.changed:
			case <-s.news:
				s.present(wire.Present)
			case <-beat.C:
				beat.Reset(0) // for the turn above
			case <-s.ctx.Done():
			}
		}
	}
}

// deliver ships p, the queue's first, until its fate is known or time is up.
func (s *shipper) deliver(p *parcel) {
	stopping := s.stopping
	for attempt := 0; ; attempt++ {
		err := s.ship(p)
		if err == nil || errors.Is(err, ErrRejected) {
			s.settle(p, err)
			return
		}
		s.failed(err)
		timer := time.NewTimer(backoff(attempt, err))
		select {
		case <-timer.C:
		case <-stopping:
			// The last chance: try at once, and begin with short waits again.
			stopping, attempt = nil, -1
		case <-s.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// ship makes one attempt.
func (s *shipper) ship(p *parcel) (err error) {
	ctx, cancel := context.WithTimeout(s.ctx, shipTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			s.panicked("shipping", v)
			err = fmt.Errorf("the sink panicked: %v", v)
		}
	}()
	return s.sink.Ship(ctx, p.bytes)
}

// backoff is how long to wait after a failed attempt, the first being 0:
// exponential with full jitter, so that many services do not come back at once,
// and at least what the hub asked for.
func backoff(attempt int, err error) time.Duration {
	limit := minBackoff << min(max(attempt, 0), 10)
	d := rand.N(min(limit, maxBackoff))
	var h *hubError
	if errors.As(err, &h) {
		d += h.after
	}
	return d
}

// settle takes the parcel out of the queue: it is durable, or rejected for good.
func (s *shipper) settle(p *parcel, err error) {
	s.queue.pop()
	if err != nil {
		s.mu.Lock()
		first := s.rejected.IsZero()
		s.rejected = time.Now()
		s.lastErr = err.Error()
		s.unseen += uint64(p.health)
		s.mu.Unlock()
		s.drops.restore(p.drops)
		s.drop(p.made, p.requests)
		if first {
			s.log(slog.LevelError, "kymo: the hub rejects batches; their requests are dropped", "error", err)
		}
		return
	}
	s.mu.Lock()
	s.shipped += p.requests
	s.batches++
	trouble := s.trouble
	s.lastErr, s.trouble = "", ""
	s.mu.Unlock()
	if trouble != "" {
		s.log(slog.LevelInfo, "kymo: the hub takes batches again")
	}
}

// failed notes an attempt after which the batch is tried again. It is logged when
// it is of another kind than the last: texts differ by port numbers alone.
func (s *shipper) failed(err error) {
	kind := "no answer"
	if h := (*hubError)(nil); errors.As(err, &h) {
		kind = strconv.Itoa(h.status)
	}
	s.mu.Lock()
	changed := s.trouble != kind
	s.lastErr, s.trouble = err.Error(), kind
	s.mu.Unlock()
	if changed {
		s.log(slog.LevelWarn, "kymo: the hub does not take batches; requests wait", "error", err)
	}
}

func (s *shipper) log(level slog.Level, msg string, args ...any) {
	defer func() {
		if recover() != nil {
			s.mu.Lock()
			s.panics++
			s.mu.Unlock()
		}
	}()
	s.logger.Log(context.Background(), level, msg, args...)
}

// panicked counts and logs a panic that was contained.
func (s *shipper) panicked(what string, v any) {
	s.mu.Lock()
	s.panics++
	first := s.panics == 1
	s.mu.Unlock()
	if first {
		s.log(slog.LevelError, "kymo: panic while "+what, "panic", v)
	}
}

func (s *shipper) stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Shipped:   s.shipped,
		Dropped:   s.dropped,
		Batches:   s.batches,
		Queued:    s.queue.size(),
		LastError: s.lastErr,
		Panics:    s.panics,
		Problems:  slices.Clone(s.problems),

		HealthDropped: s.unseen + s.health.Dropped(),
	}
}
