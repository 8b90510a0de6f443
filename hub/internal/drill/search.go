package drill

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// levels are the lengths of parts: those up to an hour for which stores keep rollups,
// so that cutting a part costs little, and one second, for hubs that have thousands of
// requests in a second.
var levels = slices.Concat(rollup.Levels{rollup.Second}, rollup.AllLevels[:len(rollup.AllLevels)-1])

// few is the number of requests up to which a part is read instead of divided again. A
// part is in memory as a whole, unless it has the shortest length.
const few = 16_384

// sparse is how much larger a part may be if only one user's requests are wanted: a
// store finds them faster in one piece, and they are rarely many.
const sparse = 8

// Budget limits what a search may do. A zero field is no limit.
type Budget struct {
	Rows  int // requests read
	Parts int // parts read: each may make the store look at requests of other series
	// Ended reports whether the search has taken long enough; nil for no limit.
	Ended func() bool
}

// Effort is what a search did.
type Effort struct {
	Scanned int // requests looked through: those of the parts read that are long enough
	// Complete is whether the budget ended nothing early.
	Complete bool
	// Reached is the instant from which on everything was read, if the search is
	// for the newest.
	Reached int64

	rows, parts int // read
}

// search goes through the parts of a window, the most promising first.
type search struct {
	store  store.Store
	filter *Filter
	budget Budget
	effort *Effort
	queue  queue
	// byEndpoint cuts parts by endpoint as well as by time: for what is rare, a store
	// need not add up all of the others. But parts of the same time are read apart.
	byEndpoint bool
	// minDuration is the minimum duration of a match. It grows as longer
	// requests are found.
	minDuration time.Duration
}

// next returns the next part to read, or false if there is none or the budget is
// used up. In the latter case the part is the one that would have been next.
func (s *search) next(ctx context.Context) (part, bool, error) {
	for len(s.queue.parts) > 0 {
		p := s.queue.parts[0]
		if p.longest < s.minDuration {
			break // and so is every one behind it: where this is possible, the longest comes first
		}
		if p.level < len(levels) && s.ready(&p) {
			if s.spent() {
				s.effort.Complete = false
				return p, false, nil
			}
			heap.Pop(&s.queue)
			return p, true, nil
		}
		heap.Pop(&s.queue)
		if err := s.cut(ctx, p); err != nil {
			return part{}, false, err
		}
	}
	return part{}, false, nil
}

// ready reports whether the part should be read without cutting it further.
func (s *search) ready(p *part) bool {
	if p.level == 0 || p.To-p.From <= levels[0].Millis() {
		return true
	}
	// It pays to cut a part once more if few of its many requests match.
	rare := p.level == len(levels)-1 && p.rows > 1024 && p.hits < p.rows/64
	limit := uint64(few)
	if s.filter.User != "" {
		limit *= sparse
	}
	return p.rows <= limit && !rare
}

func (s *search) spent() bool {
	b := &s.budget
	return b.Rows > 0 && s.effort.rows >= b.Rows || b.Parts > 0 && s.effort.parts >= b.Parts || b.Ended != nil && s.effort.parts > 0 && b.Ended()
}

// cut replaces a part by shorter ones, with bounds from the store's rollups.
func (s *search) cut(ctx context.Context, p part) error {
	level := p.level - 1
	for level > 0 && levels[level].Millis() >= p.To-p.From {
		level--
	}
	q := store.RollupQuery{Window: p.Window, Filter: p.filter(s.filter), Step: levels[level].Millis()}
	var w rollup.Window
	pieces := make(map[rollup.Endpoint]*part)
	for r, err := range s.store.Rollups(ctx, q) {
		if err != nil {
			return err
		}
		if next := stepAt(p.Window, r.Start, q.Step); next != w {
			s.push(pieces)
			w = next
		}
		of := p.endpoint
		if s.byEndpoint {
			of = rollup.EndpointOf(&r.Key)
		}
		piece := pieces[of]
		if piece == nil {
			piece = &part{Window: w, endpoint: of, level: level}
			pieces[of] = piece
		}
		piece.add(s.filter, r)
	}
	s.push(pieces)
	return nil
}

// push puts the pieces that can hold a match into the queue.
func (s *search) push(pieces map[rollup.Endpoint]*part) {
	for _, p := range pieces {
		if p.hits > 0 && p.longest >= s.minDuration {
			heap.Push(&s.queue, *p)
		}
	}
	clear(pieces)
}

// stepAt is the part of a window in the step that begins at an instant.
func stepAt(w rollup.Window, start, step int64) rollup.Window {
	return rollup.Window{From: max(w.From, start), To: min(w.To, start+step)}
}

// read tells each request of the part that matches.
func (s *search) read(ctx context.Context, p part, tell func(*store.Record)) error {
	s.effort.parts++
	s.effort.Scanned += int(p.rows)
	for r, err := range s.store.Requests(ctx, p.requests(s.filter, s.minDuration)) {
		if err != nil {
			return err
		}
		s.effort.rows++
		if s.filter.status(r.Status) {
			tell(r)
		}
	}
	return nil
}

// queue is a heap of parts.
type queue struct {
	parts []part
	first func(a, b *part) bool
}

func (q *queue) Len() int           { return len(q.parts) }
func (q *queue) Less(i, j int) bool { return q.first(&q.parts[i], &q.parts[j]) }
func (q *queue) Swap(i, j int)      { q.parts[i], q.parts[j] = q.parts[j], q.parts[i] }
func (q *queue) Push(p any)         { q.parts = append(q.parts, p.(part)) }
func (q *queue) Pop() any {
	n := len(q.parts) - 1
	p := q.parts[n]
	q.parts = q.parts[:n]
	return p
}
