package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
)

// Reckon implements store.Timekeeper.
func (s *Store) Reckon(ctx context.Context, now int64) error {
	return s.do(ctx, func(c *committer) error {
		if c.failed != nil {
			// What is deleted now must not wait for a disk with room. A restart that does not
			// know the time deletes later.
			s.reckoned.Store(now)
			return nil //nolint:nilerr // the time is kept, until the store closes
		}
		b := c.engine.db.NewBatch()
		if err := b.Set(keyReckoned, binary.AppendVarint(nil, now), nil); err != nil {
			return classify(err)
		}
		if err := c.engine.apply(b); err != nil {
			return classify(err)
		}
		_ = b.Close()
		if s.reckoned.Swap(now) == 0 {
			// After a crash there must be a time against which the clock is held. Later ones
			// become durable with what is written beside them.
			return classify(c.engine.flush())
		}
		return nil
	})
}

// Reckoned implements store.Timekeeper.
func (s *Store) Reckoned(context.Context) (int64, error) { return s.reckoned.Load(), nil }

// Time implements store.Timekeeper: there is no server.
func (s *Store) Time(context.Context) (time.Time, error) { return time.Time{}, nil }

func (s *Store) readReckoned(e *engine) error {
	b, err := e.get(keyReckoned)
	if err != nil || b == nil {
		return err
	}
	now, n := binary.Varint(b)
	if n <= 0 {
		return errors.New("pebblestore: corrupt reckoned time")
	}
	s.reckoned.Store(now)
	return nil
}

// past is the time (Unix ms) by which things are forgotten.
func (s *Store) past() int64 {
	if now := s.reckoned.Load(); now != 0 {
		return now
	}
	return s.now().UnixMilli()
}

// latest is the time (Unix ms) of what happens now. It is never so early that it would be
// forgotten too soon.
func (s *Store) latest() int64 { return max(s.now().UnixMilli(), s.reckoned.Load()) }
