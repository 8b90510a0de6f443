package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/wire"
)

// copied is what was copied so far.
type copied struct {
	mu    sync.Mutex // guards what follows
	read  amounts
	fresh amounts // of that: what TO took as new
	// least is what TO must hold of an hour at the end: what it held before and
	// what it took as new.
	least map[hour]amounts
}

const (
	// inFlightCalls is how many calls of Append are under way at once. A store may
	// make those that come within a second durable together.
	inFlightCalls = 8
	// loadBatches bounds the batches in one call: PostgreSQL wants to be sure of as
	// much room for runs of numbers. loadRequests are those of one transaction there.
	loadBatches  = 256
	loadRequests = wire.MaxRequests
)

// sender appends batches to TO, some calls at once.
type sender struct {
	c        *copier
	cancel   context.CancelCauseFunc
	slots    chan struct{}
	inFlight sync.WaitGroup
	done     *copied
	sent     func() // called after a load was sent off

	load     []parcel // not sent yet
	requests int      // in it
}

// parcel is a batch and the hour that it is of.
type parcel struct {
	*wire.Batch
	hour hour
}

// copy copies all that there is.
func (c *copier) copy(ctx context.Context) (*copied, error) {
	total, err := c.from.total(ctx)
	if err != nil {
		return nil, err
	}
	bar := term.NewProgress(c.env.stderr, c.screen, c.now, "copying", total)
	defer bar.Clear()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := &copied{least: make(map[hour]amounts)}
	read := int64(0)
	s := &sender{c: c, cancel: cancel, slots: make(chan struct{}, inFlightCalls), done: done}
	s.sent = func() {
		read += int64(s.requests)
		bar.Show(read, read)
	}
	for h, err := range c.from.hours(ctx) {
		if err == nil {
			err = c.copyHour(ctx, h, s)
		}
		if err != nil {
			cancel(err) // unless an append failed before, which is why this did
			break
		}
	}
	s.flush(ctx)
	s.inFlight.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return done, nil
}

// total is how many requests there are.
func (p place) total(ctx context.Context) (total int64, err error) {
	for r, err := range p.Rollups(ctx, store.RollupQuery{Window: everything}) {
		if err != nil {
			return 0, p.unread(err)
		}
		total += int64(r.Durations.Count())
	}
	return total, nil
}

func (c *copier) copyHour(ctx context.Context, h hour, s *sender) error {
	have, err := c.from.count(ctx, h)
	if err != nil || have.amounts == (amounts{}) {
		return err
	}
	before, err := c.to.count(ctx, h) // nothing of this hour is on its way yet
	if err != nil {
		return err
	}
	s.expect(h, before.amounts)
	cut := &cutter{source: sourceNumber(c.source), hour: h, open: make(map[stream]*chunk), take: func(b *wire.Batch) error {
		return s.add(ctx, parcel{b, h})
	}}
	if err := cut.requests(c.from.requestsOf(ctx, h)); err != nil {
		return err
	}
	if err := cut.drops(have.drops); err != nil {
		return err
	}
	if err := cut.health(c.from.healthOf(ctx, h)); err != nil {
		return err
	}
	return cut.end()
}

// expect notes what TO held of an hour.
func (s *sender) expect(h hour, before amounts) {
	s.done.mu.Lock()
	defer s.done.mu.Unlock()
	s.done.least[h] = before
}

// add puts a batch on its way, waiting while too many are.
func (s *sender) add(ctx context.Context, p parcel) error {
	if s.requests+p.Len() > loadRequests || len(s.load) == loadBatches {
		s.flush(ctx)
	}
	s.load = append(s.load, p)
	s.requests += p.Len()
	return ctx.Err()
}

// flush sends off what was added.
func (s *sender) flush(ctx context.Context) {
	if len(s.load) == 0 {
		return
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	load := s.load
	s.inFlight.Go(func() {
		defer func() { <-s.slots }()
		batches := make([]*wire.Batch, len(load))
		for i, p := range load {
			batches[i] = p.Batch
		}
		fresh, err := s.c.append(ctx, batches...)
		if err != nil {
			s.cancel(err)
			return
		}
		s.done.note(load, fresh)
	})
	s.sent()
	s.load, s.requests = nil, 0
}

// note takes in what became of a load.
func (d *copied) note(load []parcel, fresh []bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, p := range load {
		a := amounts{requests: int64(p.Len()), health: int64(len(p.Health))}
		for _, drop := range p.Drops {
			a.dropped += int64(drop.Count)
		}
		d.read = d.read.plus(a)
		if fresh[i] {
			d.fresh = d.fresh.plus(a)
			d.least[p.hour] = d.least[p.hour].plus(a)
		}
	}
}

// append gives TO batches until it has them, does not want them, or patience is over.
func (c *copier) append(ctx context.Context, batches ...*wire.Batch) (fresh []bool, err error) {
	policy := retry.Policy{Patience: c.patience, Now: c.now}
	err = policy.Do(ctx, func() (again bool, pause time.Duration, err error) {
		fresh, err = c.to.Append(ctx, batches...)
		return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull), 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", c.to.name, err)
	}
	return fresh, nil
}
