package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Reckon implements store.Timekeeper.
func (s *Store) Reckon(ctx context.Context, now int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	err := s.writing(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO kymo_state (key, value) VALUES ('reckoned', $1)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, now)
		return err
	})
	if err == nil {
		s.reckoned.Store(now)
	}
	return s.classify(ctx, err)
}

// Reckoned implements store.Timekeeper.
func (s *Store) Reckoned(ctx context.Context) (int64, error) {
	err := s.readReckoned(ctx)
	return s.reckoned.Load(), s.classify(ctx, err)
}

func (s *Store) readReckoned(ctx context.Context) error {
	return s.reading(ctx, func(tx pgx.Tx) error {
		var now int64
		err := tx.QueryRow(ctx, `SELECT coalesce(max(value), 0) FROM kymo_state WHERE key = 'reckoned'`).Scan(&now)
		if err == nil {
			s.reckoned.Store(now)
		}
		return err
	})
}

// Time implements store.Timekeeper.
func (s *Store) Time(ctx context.Context) (now time.Time, err error) {
	err = s.reading(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, s.classify(ctx, err)
}

// past is the time by which things are forgotten.
func (s *Store) past() time.Time {
	if now := s.reckoned.Load(); now != 0 {
		return time.UnixMilli(now)
	}
	return s.now()
}

// latest is the time of what happens now. It is never so early that it would be forgotten
// too soon.
func (s *Store) latest() time.Time {
	return time.UnixMilli(max(s.now().UnixMilli(), s.reckoned.Load())).UTC()
}

// LowerFloor implements store.Floorer.
func (s *Store) LowerFloor(ctx context.Context, to int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	err := s.writing(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE kymo_state SET value = $1 WHERE key = 'pruned' AND value > $1`, max(to, 0))
		return err
	})
	if err == nil {
		err = s.readPruned(ctx)
	}
	return s.classify(ctx, err)
}
