package pebblestore

import (
	"context"
	"errors"

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

// Floor implements store.Floorer. It is the beginning of an hour, unless the store was
// pruned to a size.
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
