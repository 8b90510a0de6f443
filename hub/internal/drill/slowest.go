package drill

import (
	"container/heap"
	"context"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Slowest returns at most limit requests from a position on, the slowest first.
// If the budget ends the search, the page has only those requests that certainly
// come next, and the next page continues after them. If there are none, the page
// has the slowest of the requests that were read, and no next.
func Slowest(ctx context.Context, st store.Store, f Filter, from Position, limit int, b Budget) (*Page, error) {
	bound := from.bound()
	p := &Page{Effort: Effort{Complete: true, Reached: f.From}}
	best := top{order: slowest, n: limit + 1 + from.Skip}
	s := search{store: st, filter: &f, budget: b, effort: &p.Effort, byEndpoint: true}
	// Requests slower than the position were on earlier pages, so they do not
	// raise a part's rank.
	s.queue.first = func(a, b *part) bool {
		return min(a.longest, bound.Duration) > min(b.longest, bound.Duration)
	}
	heap.Push(&s.queue, unknown(f.Window))
	for {
		part, ok, err := s.next(ctx)
		if err == nil && ok {
			err = s.read(ctx, part, func(r *store.Record) {
				if slowest(r, &bound) >= 0 {
					best.add(r)
				}
			})
			if worst := best.worst(); worst != nil {
				s.minDuration = worst.Duration
			}
		}
		switch {
		case err != nil:
			return nil, err
		case !ok && p.Complete:
			p.give(best.records(from), from, limit)
			return p, nil
		case !ok:
			p.giveCertain(best.records(from), from, limit, part.longest)
			return p, nil
		}
	}
}

// give fills the page, and sets where the next one begins if there is more.
func (p *Page) give(records []store.Record, from Position, limit int) {
	p.Records = records[:min(limit, len(records))]
	if len(records) > limit {
		p.Next = behind(p.Records, from)
	}
}

// giveCertain fills the page with the requests that are slower than all that
// were not read.
func (p *Page) giveCertain(records []store.Record, from Position, limit int, longest time.Duration) {
	certain := 0
	for certain < min(limit, len(records)) && records[certain].Duration > longest {
		certain++
	}
	if certain == 0 {
		p.Records = records[:min(limit, len(records))]
		return
	}
	p.Records = records[:certain]
	p.Next = behind(p.Records, from)
}

// behind is the position behind the last of the records.
func behind(records []store.Record, at Position) *Position {
	for i := range records {
		at = at.after(&records[i])
	}
	return &at
}
