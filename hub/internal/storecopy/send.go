package storecopy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Copied is what was copied.
type Copied struct {
	Read  Amounts
	Fresh Amounts // of that: what To took as new
	// Documents is how many documents, such as checks, To did not have as they are.
	Documents int64
	// min is what To must hold of an hour at the end: what it held before and what
	// it took as new.
	min map[hour]Amounts
}

const (
	// maxCalls is how many calls of Append are under way at once. A store may make
	// those that come within a second durable together.
	maxCalls = 8
	// maxLoadBatches and maxLoadRequests limit one call. PostgreSQL reserves as many
	// runs of numbers as there are batches, and has one transaction for the requests.
	maxLoadBatches  = 256
	maxLoadRequests = wire.MaxRequests
)

// sender appends batches to To, some calls at once.
type sender struct {
	c        *Copier
	cancel   context.CancelCauseFunc
	slots    chan struct{}
	inFlight sync.WaitGroup
	mu       sync.Mutex // guards what done points to
	done     *Copied
	sent     func() // called after a load was sent off

	load     []hourBatch // not sent yet
	requests int         // in it
}

// hourBatch is a batch and the hour it belongs to.
type hourBatch struct {
	*wire.Batch
	hour hour
}

// Copy copies everything.
func (c *Copier) Copy(ctx context.Context) (*Copied, error) {
	total, err := c.From.total(ctx)
	if err != nil {
		return nil, err
	}
	c.progress(Copying, 0, total)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := &Copied{min: make(map[hour]Amounts)}
	read := int64(0)
	s := &sender{c: c, cancel: cancel, slots: make(chan struct{}, maxCalls), done: done}
	s.sent = func() {
		read += int64(s.requests)
		c.progress(Copying, read, total)
	}
	for h, err := range c.From.hours(ctx) {
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
	done.Documents, err = c.copyDocuments(ctx)
	return done, err
}

// total is how many requests there are.
func (p Place) total(ctx context.Context) (total int64, err error) {
	if s, ok := p.Store.(Hourly); ok {
		requests, _, err := s.ByHour(ctx)
		for n := range maps.Values(requests) {
			total += n
		}
		return total, p.unread(err)
	}
	for r, err := range p.Rollups(ctx, store.RollupQuery{Window: everything}) {
		if err != nil {
			return 0, p.unread(err)
		}
		total += int64(r.Durations.Count())
	}
	return total, nil
}

func (c *Copier) copyHour(ctx context.Context, h hour, s *sender) error {
	have, err := c.From.count(ctx, h)
	if err != nil || have.Amounts == (Amounts{}) {
		return err
	}
	before, err := c.To.count(ctx, h) // nothing of this hour is on its way yet
	if err != nil {
		return err
	}
	s.expect(h, before.Amounts)
	cut := &cutter{source: sourceNumber(c.Source), hour: h, open: make(map[stream]*openBatch), take: func(b *wire.Batch) error {
		return s.add(ctx, hourBatch{b, h})
	}}
	if err := cut.requests(c.From.requestsOf(ctx, h)); err != nil {
		return err
	}
	if err := cut.drops(have.drops); err != nil {
		return err
	}
	if err := cut.health(c.From.healthOf(ctx, h)); err != nil {
		return err
	}
	return cut.end()
}

// expect records what To held of an hour.
func (s *sender) expect(h hour, before Amounts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done.min[h] = before
}

// add queues a batch and waits while too many are being sent.
func (s *sender) add(ctx context.Context, p hourBatch) error {
	if s.requests+p.Len() > maxLoadRequests || len(s.load) == maxLoadBatches {
		s.flush(ctx)
	}
	s.load = append(s.load, p)
	s.requests += p.Len()
	return ctx.Err()
}

// flush sends the batches that were added.
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
		s.note(load, fresh)
	})
	s.sent()
	s.load, s.requests = nil, 0
}

// note records what became of a load.
func (s *sender) note(load []hourBatch, fresh []bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.done
	for i, p := range load {
		a := Amounts{Requests: int64(p.Len()), Health: int64(len(p.Health))}
		for _, drop := range p.Drops {
			a.Dropped += int64(drop.Count)
		}
		d.Read = d.Read.plus(a)
		if fresh[i] {
			d.Fresh = d.Fresh.plus(a)
			d.min[p.hour] = d.min[p.hour].plus(a)
		}
	}
}

// append appends batches to To, and retries until it accepts or finally refuses them,
// or until the time for retries is over.
func (c *Copier) append(ctx context.Context, batches ...*wire.Batch) (fresh []bool, err error) {
	err = c.Retry.Do(ctx, func() (again bool, pause time.Duration, err error) {
		fresh, err = c.To.Append(ctx, batches...)
		return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull), 0, err
	})
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", c.To.Name, err)
	}
	return fresh, nil
}
