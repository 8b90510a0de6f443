package pebblestore

import (
	"slices"
	"sync"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// totals caches sums of pages. A week's report covers its window with some thirty pages,
// and so does the next report a second later, with the same ones but for those at the
// window's end.
//
// A query must see the pages as they are in its view. The view's state tells which
// segment of the journal its pages include, and touch is called before a write of pages
// becomes visible, with its segment: so a total is as a view sees it if no write between
// the total's segment and the view's touched the window.
//
// The zero value is an empty cache.
type totals struct {
	mu        sync.Mutex
	kept      []total // the one that was used last is at the end
	touched   []touch // by the last writes, in their order
	forgotten uint64  // the last segment whose touch is no longer in touched
	epoch     uint64  // odd while pages are rewritten: see rewrite
}

// total is the sum of the pages in a window, as a page.
type total struct {
	window  rollup.Window
	segment uint64 // that the pages included
	page    []byte
}

// touch is the spans of 5 minutes that a write has pages of, in ascending order.
type touch struct {
	segment uint64
	spans   []int64
}

const (
	maxTotals      = 32
	maxTotalsBytes = 8 << 20
	maxTouches     = 64
)

// within reports whether any of the spans lies in the window.
func (t *touch) within(w rollup.Window) bool {
	first, _ := slices.BinarySearch(t.spans, levels[level5m].Span(w.From))
	return first < len(t.spans) && levels[level5m].Start(t.spans[first]) < w.To
}

// begin returns the epoch of a view that is about to be taken.
func (t *totals) begin() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.epoch
}

// find returns the total of the window in the view, or nil if it is not kept.
func (t *totals) find(w rollup.Window, v *view) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shares(v) {
		return nil
	}
	i := slices.IndexFunc(t.kept, func(k total) bool { return k.window == w })
	if i < 0 || t.kept[i].segment > v.state.segment {
		return nil
	}
	found := t.kept[i]
	t.kept = append(slices.Delete(t.kept, i, i+1), found)
	return found.page
}

// keep keeps the total of the window in the view, unless it has changed since.
func (t *totals) keep(w rollup.Window, v *view, page []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shares(v) || v.state.segment < t.forgotten || len(page) > maxTotalsBytes/4 {
		return
	}
	for i := range t.touched {
		if t.touched[i].segment > v.state.segment && t.touched[i].within(w) {
			return
		}
	}
	t.kept = slices.DeleteFunc(t.kept, func(k total) bool { return k.window == w })
	t.kept = append(t.kept, total{w, v.state.segment, page})
	size := 0
	for i := range slices.Backward(t.kept) {
		if size += len(t.kept[i].page); size > maxTotalsBytes || len(t.kept)-i > maxTotals {
			t.kept = slices.Delete(t.kept, 0, i+1)
			break
		}
	}
}

// touch forgets the totals that a write with this segment changes. The spans are those of
// 5 minutes that it has pages of, in ascending order.
func (t *totals) touch(segment uint64, spans []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := touch{segment, spans}
	t.kept = slices.DeleteFunc(t.kept, func(k total) bool { return now.within(k.window) })
	if len(t.touched) == maxTouches {
		t.forgotten = t.touched[0].segment
		t.touched = slices.Delete(t.touched, 0, 1)
	}
	t.touched = append(t.touched, now)
}

// rewrite calls f, which changes pages without a segment. No total of a view that was
// taken before f has returned is kept or found after it was called.
func (t *totals) rewrite(f func() error) error {
	t.advance()
	defer t.advance()
	return f()
}

func (t *totals) advance() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch++
	t.kept = nil
}

// shares reports whether the pages of a view are those of the other views.
func (t *totals) shares(v *view) bool { return v.epoch == t.epoch && t.epoch%2 == 0 }
