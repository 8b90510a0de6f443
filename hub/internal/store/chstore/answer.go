package chstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
)

// Rollups implements store.Store.
func (s *Store) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		if s.closed.Load() {
			yield(nil, store.ErrClosed)
			return
		}
		given := false
		give := func(r *rollup.Rollup, err error) bool {
			given = true
			return yield(r, err)
		}
		err := s.answer(ctx, q, give)
		for !given && errors.Is(err, errPruned) {
			err = s.answer(ctx, q, give)
		}
		if err != nil {
			yield(nil, s.classify(ctx, err))
		}
	}
}

// Of a window with steps, one query asks for as many parts as are likely to have enough
// rollups, however many series there are. A server needs some kilobytes to add one up.
const (
	firstParts  = 16
	maxParts    = 64 // what comes after a quiet time may have many more
	enoughFound = 10_000
)

// answer yields the rollups of some parts of the window after those of others. All
// are of one snapshot.
func (s *Store) answer(ctx context.Context, q store.RollupQuery, yield func(*rollup.Rollup, error) bool) error {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	q.From, q.To = max(q.From, snap.floor, 0), min(q.To, lastSecond*1000+1000)
	if q.From >= q.To {
		return nil
	}
	a := &answer{query: q, snap: snap, found: make(map[place]*rollup.Rollup)}
	for left, n := q.Window.Steps(q.Step), firstParts; len(left) > 0; {
		n = min(n, len(left))
		if err := s.add(ctx, a, left[:n]); err != nil {
			return err
		}
		found := len(a.found)
		if !a.give(yield) {
			return nil
		}
		left, n = left[n:], min(enoughFound*n/max(found, 1)+1, 2*n, maxParts)
	}
	return nil
}

// place is where requests are counted.
type place struct {
	step int64
	key  rollup.Key
}

// answer adds up the answer to a query for rollups, some parts at once.
type answer struct {
	query store.RollupQuery // its window is that of the parts
	snap  *snapshot

	mu    sync.Mutex
	found map[place]*rollup.Rollup
	free  []*rollup.Rollup
}

// of returns the rollup of a series in a step.
func (a *answer) of(p place) *rollup.Rollup {
	r := a.found[p]
	if r == nil {
		if n := len(a.free); n > 0 {
			r, a.free = a.free[n-1], a.free[:n-1]
		} else {
			r = new(rollup.Rollup)
		}
		r.Key, r.Start = p.key, p.step
		a.found[p] = r
	}
	return r
}

// give yields what was found, in the order of the steps, and empties the answer. It
// returns false if no more is wanted.
func (a *answer) give(yield func(*rollup.Rollup, error) bool) (more bool) {
	found := slices.SortedFunc(maps.Values(a.found), func(a, b *rollup.Rollup) int { return cmp.Compare(a.Start, b.Start) })
	clear(a.found)
	for _, r := range found {
		if !yield(r, nil) {
			return false
		}
		r.Durations.Reset()
		r.Dropped = 0
	}
	a.free = append(a.free, found...)
	return true
}

// add queries the rollups of consecutive parts.
func (s *Store) add(outer context.Context, a *answer, parts []rollup.Window) error {
	a.query.Window = rollup.Window{From: parts[0].From, To: parts[len(parts)-1].To}
	runs, rest := cover.Windows(parts, levels)
	groupRuns, _ := cover.Windows(parts, levels[:1])
	pieces := a.snap.pieces(a.query.From)
	work, ctx := errgroup.WithContext(outer)
	for _, sh := range s.shards {
		if len(pieces) > 0 && len(runs) > 0 {
			work.Go(func() error { return s.addSums(ctx, sh, a, "tier > 0 AND group_id = 0 AND piece", pieces, runs) })
		}
		if len(a.snap.groups) > 0 && len(groupRuns) > 0 {
			work.Go(func() error { return s.addSums(ctx, sh, a, "tier = 0 AND group_id", a.snap.groups, groupRuns) })
		}
		if len(rest) > 0 {
			work.Go(func() error { return s.addRest(ctx, sh, a, rest) })
		}
	}
	work.Go(func() error { return s.addDrops(ctx, a, dropsTable, "0") })
	work.Go(func() error { return s.addDrops(ctx, a, reasonsTable, "reason") })
	if err := work.Wait(); err != nil {
		return err
	}
	return s.stillThere(outer, a.query.From)
}

// stepOf is the step of an instant, which is an expression, as one. It is right
// for spans, as each lies in one step.
func (a *answer) stepOf(instant string) string {
	if a.query.Step <= 0 {
		return "toInt64(0)"
	}
	return fmt.Sprintf("toInt64(intDiv(%s, %d) * %d)", instant, a.query.Step, a.query.Step)
}

// The beginnings of a request and of a span, in Unix milliseconds.
const startMillis = "(toInt64(toUInt32(created_at)) * 1000 + created_ms)"

var spanStart = fmt.Sprintf("(toInt64(span) * [%d, %d, %d][level + 1] * %d)",
	levels.Finest(0), levels.Finest(1), levels.Finest(2), spanMillis)
