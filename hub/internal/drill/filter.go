package drill

import (
	"math"
	"time"

	"github.com/kymohq/kymo/hist"
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

// series is which requests of its time a part is of; zero is all of the filter's.
type series struct{ service, endpoint, method string }

// part is a piece of the window, and what is known of it.
type part struct {
	rollup.Window
	series
	level   int           // by the length of which it was cut; -1 if nothing is known of it
	rows    uint64        // requests that reading it would read
	hits    uint64        // how many of them can match
	longest time.Duration // none that can match took longer
}

// unknown is a part of which everything is possible.
func unknown(w rollup.Window) part {
	return part{Window: w, level: -1, rows: math.MaxUint64, hits: math.MaxUint64, longest: math.MaxInt64}
}

// query selects the part's requests.
func (p *part) query(f *Filter) store.Query {
	q := f.Query
	q.Window, q.Step = p.Window, 0
	if p.series != (series{}) {
		q.Service, q.Endpoint, q.Method = p.service, p.endpoint, p.method
	}
	return q
}

// add takes a series of the part into account.
func (p *part) add(f *Filter, r *rollup.Rollup) {
	h := &r.Durations
	p.rows += h.Count()
	longest := time.Duration(h.Max())
	if h.Count() == 0 || !f.status(r.Status) || longest < f.Least {
		return
	}
	p.longest = max(p.longest, longest)
	if f.Least <= time.Duration(h.Min()) {
		p.hits += h.Count()
		return
	}
	least := hist.Index(int64(f.Least)) >> (hist.Scale - h.Scale())
	for i, n := range h.Buckets() {
		if i >= least {
			p.hits += n
		}
	}
}
