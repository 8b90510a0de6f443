package chstore

import (
	"context"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// reckonStep is the step (ms) in which the reckoned time is noted: each step adds a row
// that stays.
const reckonStep = int64(time.Hour / time.Millisecond)

// Reckon implements store.Timekeeper. A time before the one that was noted is not.
func (s *Store) Reckon(ctx context.Context, now int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if now < s.reckoned.Load()+reckonStep {
		return nil
	}
	err := s.note(ctx, "reckoned", now)
	if err == nil {
		s.reckoned.Store(now)
	}
	return s.classify(ctx, err)
}

// Reckoned implements store.Timekeeper.
func (s *Store) Reckoned(ctx context.Context) (int64, error) {
	found, err := s.notes(ctx)
	return found.reckoned, s.classify(ctx, err)
}

// Time implements store.Timekeeper, to the second.
func (s *Store) Time(ctx context.Context) (time.Time, error) {
	found, err := s.notes(ctx)
	return time.Unix(found.now, 0), s.classify(ctx, err)
}

// past is the time (Unix seconds) by which things are forgotten, as far as it is known
// without asking.
func (s *Store) past() int64 {
	if now := s.reckoned.Load(); now != 0 {
		return min(s.now(), now/1000)
	}
	return s.now()
}

// LowerFloor implements store.Floorer.
func (s *Store) LowerFloor(ctx context.Context, to int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	to = max(to, 0)
	found, err := s.notes(ctx)
	if err == nil && found.floor > to {
		if err = s.noteFloor(ctx, found.epoch+1, to); err == nil {
			s.pruned.Set(to)
		}
	}
	return s.classify(ctx, err)
}
