package drill

import (
	"slices"

	"github.com/kymohq/kymo/hub/internal/store"
)

// top keeps the first n of many requests in an order. Equal requests are kept
// once with their number, so that they take no more memory than one.
type top struct {
	order  order
	n      int
	runs   []run         // beyond n, some that may come too late
	sorted int           // how many runs there were when they were sorted last
	last   *store.Record // the n-th of the first; nil if there are fewer
	room   []store.Record
}

// run is equal requests.
type run struct {
	*store.Record
	times int
}

func (t *top) add(r *store.Record) {
	if t.last != nil && t.order(r, t.last) > 0 {
		return
	}
	if len(t.room) == cap(t.room) {
		t.room = make([]store.Record, 0, 128)
	}
	t.room = append(t.room, *r)
	t.runs = append(t.runs, run{&t.room[len(t.room)-1], 1})
	if len(t.runs) >= 2*max(t.n, t.sorted)+1000 {
		t.sort()
	}
}

// worst is the n-th of the first; nil if there are fewer.
func (t *top) worst() *store.Record {
	if len(t.runs) > t.sorted {
		t.sort()
	}
	return t.last
}

// sort puts the runs in order, and drops what comes behind the first n.
func (t *top) sort() {
	if n := len(t.runs); n > 1 && t.order(t.runs[0].Record, t.runs[n-1].Record) > 0 {
		slices.Reverse(t.runs) // stores give the oldest first: now they are almost in order
	}
	slices.SortFunc(t.runs, func(a, b run) int { return t.order(a.Record, b.Record) })
	kept, count := t.runs[:0], 0
	for _, r := range t.runs {
		if last := len(kept) - 1; last >= 0 && t.order(kept[last].Record, r.Record) == 0 {
			kept[last].times += r.times
			count += r.times
			continue
		}
		if count >= t.n {
			break
		}
		kept = append(kept, r)
		count += r.times
	}
	if count >= t.n {
		t.last = kept[len(kept)-1].Record
	}
	clear(t.runs[len(kept):])
	t.runs, t.sorted = kept, len(kept)
}

// all returns what is kept in order.
func (t *top) all() []run {
	if len(t.runs) > t.sorted {
		t.sort()
	}
	return t.runs
}

// records returns what is kept in order, one by one, without what a position skips.
func (t *top) records(from Position) []store.Record {
	var records []store.Record
	for _, r := range t.all() {
		times := r.times
		if from.same(r.Record) {
			skipped := min(from.Skip, times)
			from.Skip -= skipped
			times -= skipped
		}
		for range min(times, t.n-len(records)) {
			records = append(records, *r.Record)
		}
	}
	return records
}
