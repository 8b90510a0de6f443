package drill

import (
	"math"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Filter selects requests. What is zero selects everything.
type Filter struct {
	store.Query
	Statuses [2]int        // from the first to the second, both included
	Least    time.Duration // the shortest duration
	User     string
}

// status says whether requests with the status can match.
func (f *Filter) status(code int) bool {
	return f.Statuses == [2]int{} || f.Statuses[0] <= code && code <= f.Statuses[1]
}

func (f *Filter) matches(r *store.Record) bool {
	return f.status(r.Status) && r.Duration >= f.Least && (f.User == "" || f.User == r.User)
}

// part is a piece of the window, and what is known of it.
type part struct {
	rollup.Window
	level   int           // by the length of which it was cut; -1 if nothing is known of it
	rows    uint64        // requests that reading it would read
	hits    uint64        // how many of them can match
	longest time.Duration // none that can match took longer
}

// unknown is a part of which everything is possible.
func unknown(w rollup.Window) part {
	return part{Window: w, level: -1, rows: math.MaxUint64, hits: math.MaxUint64, longest: math.MaxInt64}
}

// add takes a series of the part into account.
func (p *part) add(f *Filter, r *rollup.Rollup) {
	n := r.Durations.Count()
	p.rows += n
	if longest := time.Duration(r.Durations.Max()); n > 0 && f.status(r.Status) && longest >= f.Least {
		p.hits += n
		p.longest = max(p.longest, longest)
	}
}
