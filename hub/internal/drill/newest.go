package drill

import (
	"container/heap"
	"context"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Page is requests in the order asked for.
type Page struct {
	Records []store.Record
	Next    *Position // where the next page begins; nil if there is none
	Effort
}

// first is the length of the first part to be searched; each part before it
// is six times as long. Most searches are for the latest page, which lies in
// the first part.
const first = 10 * time.Minute

// All yields the requests that match, the newest first, from a position on. A
// record is valid until the next. The effort is up to date whenever one is
// yielded, and at the end.
func All(ctx context.Context, st store.Store, f Filter, from Position, b Budget, e *Effort) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		bound := from.bound()
		if bound.Start < f.To {
			f.To = bound.Start + 1
		}
		*e = Effort{Complete: true, Reached: f.To}
		s := search{store: st, filter: &f, budget: b, effort: e}
		s.queue.first = func(a, b *part) bool { return a.To > b.To }
		for _, w := range lookback(f.Window) {
			heap.Push(&s.queue, unknown(w))
		}
		for {
			p, ok, err := s.next(ctx)
			switch {
			case err != nil:
				yield(nil, err)
				return
			case !ok && e.Complete:
				e.Reached = f.From
				return
			case !ok:
				e.Reached = p.To
				return
			}
			for r, err := range s.ordered(ctx, p) {
				switch {
				case err != nil:
					yield(nil, err)
					return
				case newest(r, &bound) < 0:
					continue
				case from.Skip > 0 && from.same(r):
					from.Skip--
					continue
				}
				e.Reached = r.Start
				if !yield(r, nil) {
					return
				}
			}
			e.Reached = p.From
		}
	}
}

// ordered yields the requests of a part that match, the newest first. A part that
// cannot be cut any shorter may have any number of them: it is read again and again,
// for some thousands each time.
func (s *search) ordered(ctx context.Context, p part) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		var last *store.Record
		for {
			next := top{order: newest, n: few}
			err := s.read(ctx, p, func(r *store.Record) {
				if last == nil || newest(r, last) > 0 {
					next.add(r)
				}
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range next.all() {
				for range r.times {
					if !yield(r.Record, nil) {
						return
					}
				}
			}
			if last = next.last; last == nil {
				return
			}
		}
	}
}

// lookback cuts a window into longer and longer parts, the last one first.
func lookback(w rollup.Window) []rollup.Window {
	var parts []rollup.Window
	for length := first.Milliseconds(); w.From < w.To; length *= 6 {
		at := max(w.From, rollup.StepOf(w.To-length, min(length, levels[len(levels)-1].Millis())))
		parts = append(parts, rollup.Window{From: at, To: w.To})
		w.To = at
	}
	return parts
}

// Newest returns at most limit requests from a position on, the newest first.
func Newest(ctx context.Context, st store.Store, f Filter, from Position, limit int, b Budget) (*Page, error) {
	p := new(Page)
	at := from
	for r, err := range All(ctx, st, f, from, b, &p.Effort) {
		if err != nil {
			return nil, err
		}
		if len(p.Records) == limit {
			p.Next = &at
			p.Reached = p.Records[limit-1].Start
			return p, nil
		}
		p.Records = append(p.Records, *r)
		at = at.after(r)
	}
	if !p.Complete {
		p.Next = before(p.Reached)
	}
	return p, nil
}

// before is the position of everything that started before the instant.
func before(ms int64) *Position { return &Position{Start: ms - 1, Duration: 1<<63 - 1} }
