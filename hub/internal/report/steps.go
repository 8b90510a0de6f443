package report

import (
	"iter"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// Span is a window in Unix milliseconds, which charts work with.
type Span struct {
	From int64 `json:"from" doc:"The first instant of the window, Unix ms." example:"1795348800000"`
	To   int64 `json:"to" doc:"The first instant after the window, Unix ms." example:"1795435200000"`
}

// step is the sums of one step of a window. It is reused for all steps, which
// come one after the other, because their histograms together would take
// megabytes.
type step struct {
	counts
	statuses map[int]uint64
	all      hist.Histogram
	failed   hist.Histogram // of the errors
	dropped  dropped
	other    uint64 // requests of wire.Other
}

func (s *step) add(r *rollup.Rollup) {
	s.dropped.add(r)
	n := r.Durations.Count()
	if n == 0 {
		return
	}
	before := s.errors
	s.counts.add(r.Status, n)
	s.statuses[r.Status] += n
	s.all.Merge(&r.Durations)
	if s.errors > before {
		s.failed.Merge(&r.Durations)
	}
	if r.Endpoint == wire.Other {
		s.other += n
	}
}

// merge adds the sums of another step.
func (s *step) merge(o *step) {
	s.requests += o.requests
	s.errors += o.errors
	s.clientErrors += o.clientErrors
	for code, n := range o.statuses {
		s.statuses[code] += n
	}
	s.all.Merge(&o.all)
	s.failed.Merge(&o.failed)
	s.dropped.merge(&o.dropped)
	s.other += o.other
}

func (s *step) reset() {
	clear(s.statuses)
	s.all.Reset()
	s.failed.Reset()
	*s = step{statuses: s.statuses, all: s.all, failed: s.failed}
}

func newStep() *step { return &step{statuses: make(map[int]uint64)} }

// starts returns the multiples of millis at which the window's steps begin.
func starts(w rollup.Window, millis int64) []int64 {
	at := []int64{}
	for t := rollup.StepOf(w.From, millis); t < w.To; t += millis {
		at = append(at, t)
	}
	return at
}

// eachStep calls tell with each step that is not empty and its place among all
// steps, and returns the sum of all. Any error is the iterator's.
func eachStep(rollups iter.Seq2[*rollup.Rollup, error], w rollup.Window, millis int64, tell func(place int, s *step)) (total *step, err error) {
	total = newStep()
	one, first, at := newStep(), rollup.StepOf(w.From, millis), int64(0)
	flush := func() {
		tell(int((at-first)/millis), one)
		total.merge(one)
		one.reset()
	}
	began := false
	for r, err := range rollups {
		if err != nil {
			return nil, err
		}
		if began && r.Start != at {
			flush()
		}
		at, began = r.Start, true
		one.add(r)
	}
	if began {
		flush()
	}
	return total, nil
}

// trust returns how far the numbers can be trusted.
func (s *step) trust(slow *Slow) Trust {
	t := Trust{
		Samples:          s.requests,
		ErrorBound:       errorBound(&s.all),
		Overflowed:       s.other,
		InsufficientData: s.requests < slow.minSamples(),
	}
	s.dropped.put(&t)
	return t
}
