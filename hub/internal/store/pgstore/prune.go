package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

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
	if err := s.writing(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO kymo_state (key, value) VALUES ('pruned', $1)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE kymo_state.value < excluded.value`, before)
		return err
	}); err != nil {
		return err
	}
	if err := s.readPruned(ctx); err != nil {
		return err
	}
	before = s.pruned.Load()
	there, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	var errs error
	for i := range there {
		p := &there[i]
		switch {
		case !p.attached || p.past <= before && p.droppable():
			errs = errors.Join(errs, s.drop(ctx, p, there.catchAll(p.table) != nil))
		case p.past <= before:
			s.warnOfKept(p)
		}
	}
	return errors.Join(errs, s.deleteRows(ctx, before, there))
}

func (s *Store) partitions(ctx context.Context) (there partitions, err error) {
	err = s.reading(ctx, func(tx pgx.Tx) error {
		there, err = readPartitions(ctx, tx)
		return err
	})
	return there, err
}

// warnOfKept warns, once, of a partition that is over and not Kymo's to drop.
func (s *Store) warnOfKept(p *partition) {
	if _, before := s.kept.LoadOrStore(p.name, nil); !before {
		s.logger.Warn("the retention of a partition is over, but it stays: Kymo did not make it, or an operator is detaching it", "table", p.name)
	}
}

// deleteRows deletes from the tables without partitions, and Kymo's rows from DEFAULT
// partitions, which stay. Only one hub at a time deletes or merges pages, since two
// hubs that lock the same rows in different orders would deadlock.
func (s *Store) deleteRows(ctx context.Context, before int64, there partitions) error {
	return s.writing(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+lockKey+`)`, "tidy"); err != nil {
			return err
		}
		for level, r := range pageLevels {
			if _, err := tx.Exec(ctx, `DELETE FROM kymo_pages WHERE level = $1 AND start < $2`, level, r.Span(before)); err != nil {
				return err
			}
		}
		for table, column := range map[string]string{requestsTable: "created_at", healthTable: "checked_at"} {
			if p := there.catchAll(table); p != nil {
				if _, err := tx.Exec(ctx, `DELETE FROM `+p.name+` WHERE instance_id IS NOT NULL AND `+column+` < $1`,
					timestamp(before/dayMillis*dayMillis)); err != nil {
					return err
				}
			}
		}
		// Rows refer to their instance, so it is kept as long as any that it sent may be.
		// A locked instance is sending right now.
		silent := min(s.past().Add(-identityAge).UnixMilli(), before/dayMillis*dayMillis)
		_, err := tx.Exec(ctx, `DELETE FROM kymo_instances WHERE id IN
			(SELECT id FROM kymo_instances WHERE seen_at < $1 FOR UPDATE SKIP LOCKED)`, timestamp(silent))
		return err
	})
}

// dropWait is how long writers may have to wait for the drop of a partition that
// cannot be detached concurrently.
const dropWait = "500ms"

// drop detaches a partition without blocking readers and writers of the table, and
// drops it. Next to a DEFAULT partition that is not possible: it is tried with a lock,
// for a short time.
func (s *Store) drop(ctx context.Context, p *partition, hasDefault bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.tuning.drop)
	defer cancel()
	s.days.forget()
	err := s.markDropping(ctx, p)
	if err == nil && p.attached && !hasDefault {
		err = s.detach(ctx, p)
	}
	if err == nil {
		err = s.writing(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true) WHERE $2`, dropWait, hasDefault); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DROP TABLE IF EXISTS `+p.name)
			return err
		})
	}
	if alreadyDropped(err) {
		return nil
	}
	return err
}

// markDropping marks a partition, so that it is recognized when it is detached: a table
// that an operator detached is kept.
func (s *Store) markDropping(ctx context.Context, p *partition) error {
	if p.mark == markDropping {
		return nil
	}
	return s.writing(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `COMMENT ON TABLE `+p.name+` IS `+literal(markDropping))
		return err
	})
}

// detach detaches a partition. It can begin that only outside of a transaction, where a
// limit for the time of statements may end it, but complete it in one.
func (s *Store) detach(ctx context.Context, p *partition) error {
	detach := fmt.Sprintf(`ALTER TABLE %s.%s DETACH PARTITION %s `, s.session.schema, p.table, p.name)
	if !p.pending {
		err := s.withConn(ctx, func(conn *pgxpool.Conn) error {
			_, err := conn.Exec(ctx, detach+"CONCURRENTLY")
			return err
		})
		if state(err) != stateQueryCanceled || ctx.Err() != nil {
			return err
		}
	}
	return s.writing(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, detach+"FINALIZE")
		return err
	})
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
		size, err := s.size(ctx)
		if err != nil || size <= bytes {
			return before, s.classify(ctx, err)
		}
		there, err := s.partitions(ctx)
		if err != nil {
			return before, s.classify(ctx, err)
		}
		today := s.past().UnixMilli() / dayMillis * dayMillis
		oldest := int64(math.MaxInt64)
		for i := range there {
			if p := &there[i]; p.attached && p.droppable() {
				oldest = min(oldest, p.past)
			}
		}
		if oldest > today || oldest <= before { // only today is left, or the oldest is still there
			return before, nil
		}
		if err := s.Prune(ctx, oldest); err != nil {
			return before, err
		}
		before = oldest
	}
}

// size returns the bytes of the tables that Kymo made.
func (s *Store) size(ctx context.Context) (bytes int64, err error) {
	err = s.reading(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
			WHERE relnamespace = `+ourSchema+` AND relkind = 'r' AND (relname IN ('kymo_pages', 'kymo_instances', 'kymo_series')
			OR relispartition AND relname ~ '^(`+requestsTable+`|`+healthTable+`)_[0-9]{8}' AND obj_description(oid, 'pg_class') IN ($1, $2))`,
			markKept, markDropping).Scan(&bytes)
	})
	return bytes, err
}
