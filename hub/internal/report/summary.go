package report

import (
	"iter"
	"math"
	"sync"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// Summary is the sums of a window by endpoint. Free it when done.
type Summary struct {
	window  rollup.Window
	slow    *Slow
	rows    []*row // beyond its length, rows that were used before
	byName  map[rollup.Endpoint]*row
	total   counts
	dropped dropped
	other   uint64 // requests of wire.Other
	all     hist.Histogram
}

// row is the sums of an endpoint.
type row struct {
	endpoint rollup.Endpoint
	counts
	durations hist.Histogram
}

// counts is how many requests there are, by status: 5xx are errors, 4xx are client
// errors, but for wire.ClientClosed, which is neither.
type counts struct{ requests, errors, clientErrors uint64 }

func (c *counts) add(status int, n uint64) {
	c.requests += n
	switch {
	case status >= 500 && status <= 599:
		c.errors += n
	case status >= 400 && status <= 499 && status != wire.ClientClosed:
		c.clientErrors += n
	}
}

func (c *counts) rate(n uint64) float64 {
	if c.requests == 0 {
		return 0
	}
	return float64(n) / float64(c.requests)
}

// Histograms are large and a report needs hundreds of them, so they are
// reused.
var summaries = sync.Pool{New: func() any { return &Summary{byName: make(map[rollup.Endpoint]*row)} }}

// Read sums up the rollups of a window. Any error is the iterator's. The
// summary keeps slow.
func Read(rollups iter.Seq2[*rollup.Rollup, error], window rollup.Window, slow *Slow) (*Summary, error) {
	s := summaries.Get().(*Summary)
	s.window, s.slow = window, slow
	for r, err := range rollups {
		if err != nil {
			s.Free()
			return nil, err
		}
		s.add(r)
	}
	for _, row := range s.rows {
		s.all.Merge(&row.durations)
		s.total.requests += row.requests
		s.total.errors += row.errors
		s.total.clientErrors += row.clientErrors
	}
	return s, nil
}

func (s *Summary) add(r *rollup.Rollup) {
	s.dropped.add(r)
	n := r.Durations.Count()
	if n == 0 {
		return
	}
	if r.Endpoint == wire.Other {
		s.other += n
	}
	key := rollup.EndpointOf(&r.Key)
	to := s.byName[key]
	if to == nil {
		to = s.spare()
		to.endpoint = key
		s.byName[key] = to
	}
	to.counts.add(r.Status, n)
	to.durations.Merge(&r.Durations)
}

// spare appends an empty row.
func (s *Summary) spare() *row {
	if n := len(s.rows); n < cap(s.rows) {
		if s.rows = s.rows[:n+1]; s.rows[n] != nil {
			return s.rows[n]
		}
		s.rows = s.rows[:n]
	}
	r := new(row)
	s.rows = append(s.rows, r)
	return r
}

// Free makes the summary's memory available to the next one.
func (s *Summary) Free() {
	for _, r := range s.rows {
		r.endpoint, r.counts = rollup.Endpoint{}, counts{}
		r.durations.Reset()
	}
	clear(s.byName)
	s.all.Reset()
	*s = Summary{rows: s.rows[:0], byName: s.byName, all: s.all}
	summaries.Put(s)
}

// ms returns nanoseconds as milliseconds. It rounds to whole nanoseconds, and to
// ten-thousandths of one below ten microseconds, where half a nanosecond would be
// significant beside the error bound.
func ms(ns float64) float64 {
	if ns < 10_000 {
		return math.Round(ns*1e4) / 1e10
	}
	return math.Round(ns) / 1e6
}

// errorBound returns the largest relative error of the histogram's quantiles:
// half a bucket, (b-1)/(b+1) for base b = 2^(2^-scale).
func errorBound(h *hist.Histogram) float64 {
	if h.Scale() == hist.Scale {
		return hist.MaxRelativeError
	}
	b := math.Exp2(math.Exp2(-float64(h.Scale())))
	return (b - 1) / (b + 1)
}
