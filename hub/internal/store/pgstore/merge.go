package pgstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/store/page"
)

const (
	// quietAfter is how long after its end a span is expected to change rarely: then
	// all of its pages become one.
	quietAfter = 10 * time.Minute
	// fullRound is how many rounds there are to one that merges quiet spans, too.
	fullRound = 12
	// detailsLimit is the size up to which details are merged: beyond it nothing is
	// gained.
	detailsLimit = 1 << 20
)

// startMerging starts the loop that merges pages and creates partitions ahead.
func (s *Store) startMerging() {
	n := 0
	round := func(ctx context.Context) error {
		n++
		return s.mergeDue(ctx, n%fullRound == 1)
	}
	s.merging = loop.Start(s.mergeEvery, nil, loop.ReportOnce(round, func(err error) {
		s.logger.Warn("cannot merge rows of kymo_pages; will retry", "error", s.errors.Redact(err))
	}))
}

// mergeDue creates the partitions and merges the pages that are due. With all it also
// merges those of quiet spans, and restores the rows of series.
func (s *Store) mergeDue(ctx context.Context, all bool) error {
	if err := s.aheadOf(ctx, s.now()); err != nil {
		return err
	}
	if all {
		if err := s.restoreSeries(ctx); err != nil {
			return err
		}
	}
	spans, err := s.mergeable(ctx, all)
	if err != nil {
		return err
	}
	for _, span := range spans {
		led, err := s.merge(ctx, span)
		if err != nil || !led {
			return err
		}
	}
	return nil
}

// span identifies pages that can be merged.
type span struct {
	level int16
	start int64
}

// mergeable lists the spans that have too many pages.
func (s *Store) mergeable(ctx context.Context, all bool) ([]span, error) {
	now := s.now().UnixMilli()
	var spans []span
	err := s.reading(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT level, start, count(*) FROM kymo_pages
			WHERE level > 0 OR octet_length(page) < $1 GROUP BY level, start HAVING count(*) > 1`, detailsLimit)
		if err != nil {
			return err
		}
		var p span
		var parts int
		_, err = pgx.ForEachRow(rows, []any{&p.level, &p.start, &parts}, func() error {
			over := pageLevels[p.level].Start(p.start+1) < now-quietAfter.Milliseconds()
			if parts >= s.parts || all && over {
				spans = append(spans, p)
			}
			return nil
		})
		return err
	})
	return spans, err
}

// errPruned rolls back a merge of pages that were pruned meanwhile.
var errPruned = errors.New("pages were pruned meanwhile")

// merge merges several pages of a span into one. It returns false if another hub
// holds the lock.
func (s *Store) merge(ctx context.Context, p span) (led bool, err error) {
	err = s.writing(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(`+lockKey+`)`, "tidy").Scan(&led); err != nil || !led {
			return err
		}
		ids, pages, err := readParts(ctx, tx, p)
		if err != nil || len(ids) < 2 {
			return err
		}
		var merged []byte
		if p.level == levelDetails {
			merged, err = join(pageLevels[p.level].Start(p.start), pages)
		} else {
			merged, err = page.Merge(pages)
		}
		if err != nil {
			return err
		}
		// In one statement, so that a reader sees either the old pages or the new one.
		tag, err := tx.Exec(ctx, `WITH gone AS (DELETE FROM kymo_pages WHERE level = $1 AND start = $2 AND id = ANY($3) RETURNING id)
			INSERT INTO kymo_pages (level, start, page) SELECT $1, $2, $4 WHERE (SELECT count(*) FROM gone) = cardinality($3::bigint[])`,
			p.level, p.start, ids, merged)
		if err == nil && tag.RowsAffected() == 0 {
			return errPruned
		}
		return err
	})
	if errors.Is(err, errPruned) {
		err = nil
	}
	return led, err
}

// readParts reads the pages of a span that are to be merged. A large page to which
// little would be added is left alone.
func readParts(ctx context.Context, tx pgx.Tx, p span) (ids []int64, pages [][]byte, err error) {
	rows, err := tx.Query(ctx, `SELECT id, page FROM kymo_pages WHERE level = $1 AND start = $2
		AND (level > 0 OR octet_length(page) < $3) ORDER BY octet_length(page)`, p.level, p.start, detailsLimit)
	if err != nil {
		return nil, nil, err
	}
	var id int64
	var b []byte
	size := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &b}, func() error {
		const large = 8
		if len(ids) > 1 && len(b) > large*size {
			return nil
		}
		ids, pages = append(ids, id), append(pages, slices.Clone(b))
		size += len(b)
		return nil
	})
	return ids, pages, err
}
