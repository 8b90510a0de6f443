package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kymohq/kymo/hub/internal/store"
)

// identityAge is how long a silent instance is remembered: the promised 168 h, and a
// margin for clocks that differ.
const identityAge = 170 * time.Hour

// Prune forgets what lies before the instant. Reports leave it out at once; the
// tables lose whole days, by dropping partitions.
func (s *Store) Prune(ctx context.Context, before int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.classify(ctx, s.prune(ctx, before))
}

func (s *Store) prune(ctx context.Context, before int64) error {
	if _, err := s.pool.Exec(ctx, `INSERT INTO kymo_state (key, value) VALUES ('pruned', $1)
		ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE kymo_state.value < excluded.value`, before); err != nil {
		return err
	}
	if err := s.readPruned(ctx); err != nil {
		return err
	}
	before = s.pruned.Load()
	there, err := partitions(ctx, s.pool)
	if err != nil {
		return err
	}
	var errs error
	for d, state := range there {
		if (d.number+1)*dayMillis <= before {
			errs = errors.Join(errs, s.drop(ctx, d, state))
		}
	}
	return errors.Join(errs, s.deleteRows(ctx, before))
}

// deleteRows deletes from the tables without partitions. Only one hub at a time
// deletes or merges pages, since two hubs that lock the same rows in different orders
// would deadlock.
func (s *Store) deleteRows(ctx context.Context, before int64) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+lockKey+`)`, "tidy"); err != nil {
			return err
		}
		for level, r := range pageLevels {
			if _, err := tx.Exec(ctx, `DELETE FROM kymo_pages WHERE level = $1 AND start < $2`, level, r.Span(before)); err != nil {
				return err
			}
		}
		// Rows refer to their instance, so it is kept as long as any that it sent may be.
		// A locked instance is sending right now.
		silent := min(s.now().Add(-identityAge).UnixMilli(), before/dayMillis*dayMillis)
		_, err := tx.Exec(ctx, `DELETE FROM kymo_instances WHERE id IN
			(SELECT id FROM kymo_instances WHERE seen_at < $1 FOR UPDATE SKIP LOCKED)`, timestamp(silent))
		return err
	})
}

// drop detaches a partition without blocking readers and writers of the table, and
// drops it.
func (s *Store) drop(ctx context.Context, d day, state partition) error {
	ctx, cancel := context.WithTimeout(ctx, s.tuning.drop)
	defer cancel()
	s.days.forget()
	var err error
	switch state {
	case attached:
		_, err = s.pool.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY`, d.table, d.name()))
	case detaching:
		_, err = s.pool.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DETACH PARTITION %s FINALIZE`, d.table, d.name()))
	}
	if err == nil {
		_, err = s.pool.Exec(ctx, `DROP TABLE IF EXISTS `+d.name())
	}
	if alreadyDropped(err) {
		return nil
	}
	return err
}

// alreadyDropped reports whether an error only means that another hub was faster.
func alreadyDropped(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "42P01", // undefined_table
		"42809", // wrong_object_type: no longer a partition
		"55000", // object_not_in_prerequisite_state: being detached
		"40P01", // deadlock_detected: of two hubs that drop it, this one gives way
		"XX000": // "tuple concurrently deleted": both dropped it
		return true
	}
	return false
}

// PruneToSize implements store.Sizer. It deletes whole days, but never today.
func (s *Store) PruneToSize(ctx context.Context, bytes int64) (before int64, err error) {
	for {
		var size int64
		if err := s.pool.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
			WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
			AND (relname ~ '^(`+requestsTable+`|`+healthTable+`)_[0-9]{8}$' OR relname IN ('kymo_pages', 'kymo_instances', 'kymo_series'))`,
		).Scan(&size); err != nil {
			return before, s.classify(ctx, err)
		}
		if size <= bytes {
			return before, nil
		}
		there, err := partitions(ctx, s.pool)
		if err != nil {
			return before, s.classify(ctx, err)
		}
		oldest := s.now().UnixMilli() / dayMillis
		for d := range there {
			oldest = min(oldest, d.number)
		}
		if oldest >= s.now().UnixMilli()/dayMillis {
			return before, nil
		}
		if err := s.Prune(ctx, (oldest+1)*dayMillis); err != nil {
			return before, err
		}
		before = (oldest + 1) * dayMillis
	}
}
