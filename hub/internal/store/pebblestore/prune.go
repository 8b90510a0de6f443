package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Prune forgets all hours that lie wholly before the instant. It deletes ranges, whose
// cost does not depend on their size.
func (s *Store) Prune(ctx context.Context, before int64) error {
	return s.do(ctx, func(c *committer) error { return c.prune(before) })
}

func (c *committer) prune(before int64) error {
	if c.built != nil {
		c.apply(<-c.built) // applied later, it would restore the floor that it was built with
	}
	st := c.state
	st.floor = max(st.floor, before/hourMillis*hourMillis)
	if c.failed != nil {
		return c.pruneFull(st.floor)
	}
	moved := st.floor > c.state.floor
	st.floor10s = max(st.floor10s, c.past()-keep10s)
	b := c.engine.db.NewBatch()
	// It reads, and may wait for the locks of a dying engine.
	err := c.engine.attempt(func() error {
		old, err := c.engine.before(&st, moved)
		for _, span := range old {
			err = errors.Join(err, b.DeleteRange(span.Start, span.End, nil))
		}
		return err
	})
	forgotten := c.past() - identityAge
	for instance, id := range c.identities {
		if id.seen < forgotten && err == nil {
			err = b.Delete(keyIdentity(instance), nil)
		}
	}
	if err != nil {
		return classify(err)
	}
	if err := c.keepState(b, st); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for instance, id := range c.identities {
		if id.seen < forgotten {
			delete(c.identities, instance)
		}
	}
	return nil
}

// pruneFull prunes while the disk is so full that no engine can be written: the next one
// cuts out what is too old before the journal is replayed into it.
func (c *committer) pruneFull(floor int64) error {
	if floor <= c.state.floor || !errors.Is(classify(c.failed), store.ErrFull) {
		return classify(c.failed)
	}
	c.snapshots.end(store.ErrFull)
	c.releaseBallast()
	if err := c.replace(floor); err != nil {
		return classify(err)
	}
	return nil
}

// keepState writes a batch, and the state with it.
func (c *committer) keepState(b *pebble.Batch, st state) error {
	if st.floor == c.state.floor {
		return c.writeState(b, st)
	}
	return c.engine.totals.rewrite(func() error { return c.writeState(b, st) })
}

func (c *committer) writeState(b *pebble.Batch, st state) error {
	if err := b.Set(keyState, st.encode(), nil); err != nil {
		return classify(err)
	}
	if err := c.engine.apply(b); err != nil {
		return classify(err)
	}
	_ = b.Close()
	c.mu.Lock()
	c.state = st
	c.mu.Unlock()
	if c.applied == 0 {
		c.since = c.now()
	}
	c.applied++ // so that it is made durable even if nothing else comes
	return nil
}

// PruneToSize implements store.Sizer. It deletes whole hours, and measures the database
// without its journal.
func (s *Store) PruneToSize(ctx context.Context, bytes int64) (before int64, err error) {
	s.mu.RLock()
	e, closed := s.engine, s.closed
	if !closed {
		e.users.Add(1)
	}
	s.mu.RUnlock()
	if closed {
		return 0, store.ErrClosed
	}
	defer e.release()
	// A database that died has no more compactions. One that waits for them would be in use
	// forever, and Close would wait for it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var until int64
	err = e.attempt(func() (err error) {
		if excess := e.size() - bytes; excess > 0 {
			until, err = e.hourAfter(excess)
		}
		return err
	})
	if err != nil || until <= s.Floor() {
		return 0, classify(err) // what is left cannot be made smaller
	}
	before = until
	if err := s.Prune(ctx, before); err != nil {
		return 0, err
	}
	// What was deleted leaves the disk when the files that hold it are rewritten.
	if err := e.flush(); err != nil {
		return 0, classify(err)
	}
	err = e.attempt(func() error {
		return errors.Join(
			e.db.Compact(ctx, keyHour(0), keyHour(before/hourMillis), false),
			e.db.Compact(ctx, []byte{prefixHealth}, []byte{prefixHealth + 1}, false))
	})
	if err != nil {
		return 0, fmt.Errorf("free the disk: %w", classify(err))
	}
	return before, nil
}

// size returns how many bytes the database's files take. It leaves out those that are
// about to be deleted, for which more would be pruned otherwise.
func (e *engine) size() int64 {
	total := e.db.Metrics().Total()
	return total.TablesSize
}

// hourAfter returns the first whole hour (Unix ms) before which blocks and health
// results take at least so many bytes, but no later one than the last with any data;
// 0 if there is none.
func (e *engine) hourAfter(bytes int64) (found int64, err error) {
	health, err := e.healthExtent()
	if err != nil {
		return 0, err
	}
	it, err := e.db.NewIter(prefixed(prefixBlock))
	if err != nil {
		return 0, err
	}
	defer it.Close()
	// Blocks are counted in hours that have some, health results in steps: of an hour,
	// or more if they go back for months.
	step := max(1, (health.to-health.from)/hourMillis/500)
	last := health.to / hourMillis
	at := health.from / hourMillis
	for more := it.First(); more || at <= last && health.to > 0; {
		hour := at
		if more {
			if hour = blockStart(it.Key()) / hourMillis; health.to > 0 && at <= last {
				hour = min(hour, at)
			}
		}
		size, err := e.db.EstimateDiskUsage(keyHour(0), keyHour(hour))
		if err != nil {
			return 0, err
		}
		found = hour * hourMillis
		if int64(size+health.before(found)) >= bytes {
			break
		}
		if at <= hour {
			at = hour + step
		}
		more = it.SeekGE(keyHour(hour + 1))
	}
	return found, it.Error()
}

// Floor implements store.Floorer: the beginning of an hour.
func (s *Store) Floor() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return max(s.state.floor, s.forgot)
}

// LowerFloor implements store.Floorer.
func (s *Store) LowerFloor(ctx context.Context, to int64) error {
	return s.do(ctx, func(c *committer) error {
		if c.built != nil {
			c.apply(<-c.built)
		}
		if c.failed != nil {
			return classify(c.failed)
		}
		st := c.state
		st.floor = min(st.floor, max(to, 0)/hourMillis*hourMillis)
		return c.keepState(c.engine.db.NewBatch(), st)
	})
}
