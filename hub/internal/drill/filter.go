package drill

import (
	"math"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
)

// Filter selects requests. A zero field selects all.
type Filter struct {
	store.RequestQuery
	Statuses [2]int // from the first to the second, both included
}

// status reports whether requests with the status can match.
func (f *Filter) status(code int) bool {
	return f.Statuses == [2]int{} || f.Statuses[0] <= code && code <= f.Statuses[1]
}

// part is a piece of the window, with bounds on what it holds.
type part struct {
	rollup.Window
	endpoint rollup.Endpoint // zero for all that the filter selects
	level    int             // by the length of which it was cut; len(levels) if it was not cut yet
	rows     uint64          // requests that reading it yields at most
	hits     uint64          // how many of them can match
	longest  time.Duration   // none that can match took longer
}

// unknown returns a part that may hold anything.
func unknown(w rollup.Window) part {
	return part{Window: w, level: len(levels), rows: math.MaxUint64, hits: math.MaxUint64, longest: math.MaxInt64}
}

// filter selects the series that the part is of.
func (p *part) filter(f *Filter) store.Filter {
	if p.endpoint == (rollup.Endpoint{}) {
		return f.Filter
	}
	return store.Filter{Service: p.endpoint.Service, Endpoint: p.endpoint.Name, Method: p.endpoint.Method}
}

// requests selects the part's requests that took minDuration or longer.
func (p *part) requests(f *Filter, minDuration time.Duration) store.RequestQuery {
	q := f.RequestQuery
	q.Window, q.Filter, q.MinDuration = p.Window, p.filter(f), max(q.MinDuration, minDuration)
	return q
}

// add adds a series of the part to its bounds.
func (p *part) add(f *Filter, r *rollup.Rollup) {
	n := atLeast(&r.Durations, f.MinDuration)
	p.rows += n
	if n > 0 && f.status(r.Status) {
		p.hits += n
		p.longest = max(p.longest, time.Duration(r.Durations.Max()))
	}
}

// atLeast counts the durations that are at least so long, and some that are
// slightly shorter.
func atLeast(h *hist.Histogram, shortest time.Duration) (n uint64) {
	switch {
	case shortest <= time.Duration(h.Min()):
		return h.Count()
	case shortest > time.Duration(h.Max()):
		return 0
	}
	bucket := hist.Index(int64(shortest)) >> (hist.Scale - h.Scale())
	for i, count := range h.Buckets() {
		if i >= bucket {
			n += count
		}
	}
	return n
}
