package pgstore

import (
	"context"
	"iter"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/wire"
)

// Rollups yields what is known of each series, as store.Store says.
func (s *Store) Rollups(ctx context.Context, q store.Query) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		if s.closed.Load() {
			yield(nil, store.ErrClosed)
			return
		}
		answer, err := s.ask(ctx, q)
		if err != nil {
			yield(nil, s.classify(ctx, err))
			return
		}
		for _, r := range answer.found {
			if r != nil && !yield(r, nil) {
				return
			}
		}
	}
}

// answer adds up the answer to a query for rollups.
type answer struct {
	query   store.Query
	store   *Store
	found   map[uint32]*rollup.Rollup // nil for a series that is not asked for
	unknown map[int32]bool            // series whose key is to be read before it is asked again
}

// ask reads pages and details in one statement, so that they are of one instant.
func (s *Store) ask(ctx context.Context, q store.Query) (*answer, error) {
	q.To = min(q.To, wire.MaxStart+1)
	for {
		q.From = max(q.From, s.pruned.Load())
		a := &answer{query: q, store: s}
		var pruned int64
		if err := s.again(ctx, func() (err error) {
			a.found, a.unknown = make(map[uint32]*rollup.Rollup), make(map[int32]bool)
			pruned, err = a.read(ctx)
			return err
		}); err != nil {
			return nil, err
		}
		s.raise(pruned)
		switch {
		case pruned > q.From:
			// Somebody pruned: pages of spans across that instant hold too much.
		case len(a.unknown) > 0:
			ids := make([]int32, 0, len(a.unknown))
			for id := range a.unknown {
				ids = append(ids, id)
			}
			if err := s.series.learn(ctx, s.pool, ids); err != nil {
				return nil, err
			}
			for _, id := range ids {
				if _, ok := s.series.key(uint32(id)); !ok {
					return nil, errDamaged
				}
			}
		default:
			return a, nil
		}
	}
}

// read adds up all there is, and returns how far was pruned.
func (a *answer) read(ctx context.Context) (pruned int64, err error) {
	runs, rest := cover.Window(a.query.Window, resolutions)
	var level []int16
	var from, to []int64
	// The longest first: they have the widest histograms, which then need not grow.
	for r := len(resolutions) - 1; r >= 0; r-- {
		for _, run := range runs {
			if run.Resolution == r {
				level, from, to = append(level, int16(r+level5m)), append(from, run.First), append(to, run.End)
			}
		}
	}
	for _, w := range rest {
		length := levelMillis[levelDetails]
		level, from, to = append(level, levelDetails), append(from, w.From/length), append(to, (w.To-1)/length+1)
	}
	rows, err := a.store.pool.Query(ctx, `
		SELECT -1::smallint, value, NULL FROM kymo_state WHERE key = 'pruned'
		UNION ALL
		SELECT p.level, p.start, p.page FROM unnest($1::smallint[], $2::bigint[], $3::bigint[]) AS wanted (level, first, past)
		JOIN kymo_pages p ON p.level = wanted.level AND p.start >= wanted.first AND p.start < wanted.past`, level, from, to)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var l int16
	var start int64
	var b pgtype.DriverBytes // only lent until the next row
	for rows.Next() {
		if err := rows.Scan(&l, &start, &b); err != nil {
			return 0, err
		}
		switch l {
		case -1:
			pruned = start
			continue
		case levelDetails:
			for _, w := range rest {
				if err := a.addDetails(b, start*levelMillis[levelDetails], w); err != nil {
					return 0, err
				}
			}
		default:
			if err := a.addPage(b); err != nil {
				return 0, err
			}
		}
	}
	return pruned, rows.Err()
}

// of returns the rollup of a series, nil if it is not asked for.
func (a *answer) of(id uint32, drops bool) *rollup.Rollup {
	if r, ok := a.found[id]; ok {
		return r
	}
	key, ok := a.store.series.key(id)
	if !ok {
		a.unknown[int32(id)] = true
		return nil
	}
	var r *rollup.Rollup
	if drops && a.query.SelectsDrops(key.Service) || !drops && a.query.Selects(&key) {
		r = &rollup.Rollup{Key: key}
	}
	a.found[id] = r
	return r
}

func (a *answer) addPage(b []byte) error {
	e := page.Read(b)
	for e.Next() {
		r := a.of(e.Series, e.Drops)
		switch {
		case r == nil:
		case e.Drops:
			n, err := e.Count()
			if err != nil {
				return err
			}
			r.Dropped += n
		default:
			if _, err := r.Durations.MergeBinary(e.Value); err != nil {
				return err
			}
		}
	}
	if e.Corrupt() {
		return errDamaged
	}
	return nil
}

func (a *answer) addDetails(b []byte, base int64, w rollup.Window) error {
	reader := detailsReader{left: b, at: base}
	for {
		d, ok, err := reader.next()
		if !ok || err != nil {
			return err
		}
		if !w.Contains(d.start) {
			continue
		}
		if r := a.of(d.series, d.drops); r != nil && d.drops {
			r.Dropped += d.value
		} else if r != nil {
			r.Durations.Record(int64(d.value))
		}
	}
}
