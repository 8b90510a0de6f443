package pgstore

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
	"github.com/kymohq/kymo/internal/wire"
)

// Rollups implements store.Store.
func (s *Store) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		if s.closed.Load() {
			yield(nil, store.ErrClosed)
			return
		}
		q.To = min(q.To, wire.MaxStart+1)
		var late error // an error after something was yielded, when it is too late to retry
		ended := false
		err := s.again(ctx, func() error {
			a := &answer{query: q, store: s, yield: yield, lost: make(map[uint32]bool)}
			err := a.give(ctx)
			if ended = a.ended; a.begun {
				late, err = err, nil
			}
			return err
		})
		if err = cmp.Or(err, late); err != nil && !ended {
			yield(nil, s.classify(ctx, err))
		}
	}
}

// answer computes the answer to a query for rollups, one part of its window after
// another.
type answer struct {
	query store.RollupQuery
	store *Store

	yield func(*rollup.Rollup, error) bool
	lost  map[uint32]bool // series that have no key any more
	begun bool            // something was yielded
	ended bool            // the caller wants no more

	parts []rollup.Window
	at    int // the current one
	tally
}

// give yields the answer. It reads in one transaction, so that what has to be read
// again is of the same instant as what was already yielded.
func (a *answer) give(ctx context.Context) error {
	a.cut(a.store.pruned.Load())
	return a.store.reading(ctx, func(tx pgx.Tx) error { return a.ask(ctx, tx) })
}

// cut cuts the window, from the pruned instant on, into parts.
func (a *answer) cut(pruned int64) {
	a.query.From = max(a.query.From, pruned)
	a.parts = a.query.Window.Steps(a.query.Step)
}

func (a *answer) ask(ctx context.Context, db querier) error {
	for {
		pruned, err := a.read(ctx, db)
		a.store.pruned.Raise(pruned)
		switch {
		case err != nil || a.ended:
			return err
		case pruned > a.query.From:
			// The store was pruned meanwhile: pages that span that instant hold too much.
			a.cut(pruned)
		case len(a.unknown) == 0:
			return nil
		default:
			if err := a.learn(ctx, db); err != nil {
				return err
			}
		}
	}
}

// learn reads the keys of unknown series. Those that have none any more are left
// out: their names are stored nowhere else.
func (a *answer) learn(ctx context.Context, db querier) error {
	ids := slices.Collect(maps.Keys(a.unknown))
	if err := a.store.series.learn(ctx, db, ids); err != nil {
		return err
	}
	lost := 0
	for _, id := range ids {
		if _, ok := a.store.series.key(uint32(id)); !ok {
			a.lost[uint32(id)] = true
			lost++
		}
	}
	if lost > 0 {
		a.store.warnOfLost(lost)
	}
	return nil
}

// read adds up everything from the current part on, and returns the pruned instant.
// One statement reads pages and details, so that they are of one instant: in the order
// of the parts, and the longest spans of each part first, since they have the widest
// histograms, which then need not grow.
func (a *answer) read(ctx context.Context, db querier) (pruned int64, err error) {
	a.tally = tally{found: make(map[uint32]*rollup.Rollup), byKey: make(map[rollup.Key]*rollup.Rollup), unknown: make(map[int32]bool)}
	rows, err := db.Query(ctx, `
		SELECT -1 AS step, -1::smallint AS level, value AS start, NULL AS page FROM kymo_state WHERE key = 'pruned'
		UNION ALL
		SELECT p.start * wanted.length / $5, p.level, p.start, p.page
		FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[]) AS wanted (level, length, first, past)
		JOIN kymo_pages p ON p.level = wanted.level AND p.start >= wanted.first AND p.start < wanted.past
		ORDER BY step, level DESC`, a.wanted()...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var step, start int64
	var level int16
	var b pgtype.DriverBytes // valid until the next row
	for rows.Next() {
		if err := rows.Scan(&step, &level, &start, &b); err != nil {
			return 0, err
		}
		if level < 0 {
			if pruned = start; pruned > a.query.From {
				return pruned, nil
			}
			continue
		}
		if a.reach(pageLevels[level].Start(start)); a.ended {
			return pruned, nil
		}
		if err := a.add(level, start, b); err != nil {
			return pruned, err
		}
	}
	if err := rows.Err(); err != nil {
		return pruned, err
	}
	a.reach(a.query.To)
	return pruned, nil
}

// wanted returns the spans to read, as columns, and the length of a step.
func (a *answer) wanted() []any {
	var level []int16
	var length, first, past []int64
	want := func(l int16, from, to int64) {
		level, length, first, past = append(level, l), append(length, pageLevels[l].Millis()), append(first, from), append(past, to)
	}
	runs, rest := cover.Windows(a.parts[a.at:], levels)
	for _, run := range runs {
		want(int16(run.Level+levelHistograms), run.First, run.End)
	}
	for _, w := range rest {
		want(levelDetails, pageLevels[levelDetails].Span(w.From), pageLevels[levelDetails].Span(w.To-1)+1)
	}
	step := a.query.Step
	if step <= 0 {
		step = math.MaxInt64 // everything is in one step
	}
	return []any{level, length, first, past, step}
}
