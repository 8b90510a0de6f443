package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/internal/hist"
)

// Rollups implements store.Store.
func (s *Store) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		reread(ctx, s, yield, func(yield func(*rollup.Rollup, error) bool) error {
			v, err := s.view(q.Window, q.Filter)
			if err != nil {
				return err
			}
			v.step = q.Step
			if q.Coarse {
				v.merged = coarse(v.keys)
			}
			err = v.steps(ctx, yield)
			return errors.Join(err, v.close())
		})
	}
}

// steps yields the rollups of the window, one part after another. It returns nil if the
// caller wants no more.
func (v *view) steps(ctx context.Context, yield func(*rollup.Rollup, error) bool) error {
	parts := v.window.Steps(v.step)
	if len(parts) > 1 {
		for i := range v.memory {
			v.inParts[i] = v.memory[i].inParts(v.window, v.step, len(parts))
		}
	}
	for i, part := range parts {
		one := *v
		one.window, one.part = part, i
		if more, err := one.whole(ctx, yield); !more || err != nil {
			return err
		}
	}
	return nil
}

// whole yields the rollups of the window. It returns false if the caller wants no more.
func (v *view) whole(ctx context.Context, yield func(*rollup.Rollup, error) bool) (more bool, err error) {
	sums := sumsPool.Get().(*sums)
	defer sums.free()
	sums.view = v
	if err := sums.collect(ctx); err != nil {
		return false, err
	}
	start := rollup.StepOf(v.window.From, v.step)
	for _, series := range sums.touched {
		sums.rollups[series].Start = start
		if !yield(&sums.rollups[series], nil) {
			return false, nil
		}
	}
	return true, nil
}

// sums computes the answer to a query for rollups.
type sums struct {
	*view
	rollups []rollup.Rollup // by series; empty if it has no data
	touched []uint32
}

// sumsPool reuses the megabytes that a report's histograms take.
var sumsPool = sync.Pool{New: func() any { return new(sums) }}

func (s *sums) free() {
	for _, series := range s.touched {
		r := &s.rollups[series]
		r.Key, r.Dropped = rollup.Key{}, 0
		r.Durations.Reset()
	}
	s.view, s.touched = nil, s.touched[:0]
	sumsPool.Put(s)
}

func (s *sums) of(series uint32) *rollup.Rollup {
	if s.merged != nil {
		series = s.merged[series]
	}
	r := &s.rollups[series]
	if r.Service == "" {
		r.Key = s.keys[series]
		s.touched = append(s.touched, series)
	}
	return r
}

func (s *sums) collect(ctx context.Context) error {
	s.grow()
	ends := []rollup.Window{s.window}
	if inner := inside(s.window, level5m); s.step == 0 && inner.From < inner.To {
		if err := s.addTotal(ctx, inner, level5m); err != nil {
			return err
		}
		ends = around(s.window, inner)
	}
	for _, end := range ends {
		if err := s.addWindow(ctx, end); err != nil {
			return err
		}
	}
	for i := range s.memory {
		if parts := s.inParts[i]; parts != nil {
			s.addPlaces(&s.memory[i], parts[s.part])
			s.addDrops(&s.memory[i], s.window)
		} else {
			s.addRows(&s.memory[i], s.window)
		}
	}
	return nil
}

// inside returns the part of a window that consists of spans of a level.
func inside(w rollup.Window, level int) rollup.Window {
	r := levels[level]
	return rollup.Window{From: r.Start(r.Span(w.From + r.Millis() - 1)), To: r.Start(r.Span(w.To))}
}

// around returns what is left of a window around an inner one.
func around(w, inner rollup.Window) []rollup.Window {
	return []rollup.Window{{From: w.From, To: inner.From}, {From: inner.To, To: w.To}}
}

// addTotal adds the pages of a window that consists of spans of a level. Nothing has been
// added before, so that what it adds up is the window's total, which it keeps. A total of
// spans of 5 minutes serves until they end, and is made of one of hours.
func (s *sums) addTotal(ctx context.Context, w rollup.Window, level int) error {
	if page := s.engine.totals.find(w, s.view); page != nil {
		return s.addPage(page)
	}
	inner := inside(w, level1h)
	if level < level1h && inner.From < inner.To {
		if err := s.addTotal(ctx, inner, level1h); err != nil {
			return err
		}
		for _, end := range around(w, inner) {
			if err := s.addWindow(ctx, end); err != nil {
				return err
			}
		}
	} else if err := s.addWindow(ctx, w); err != nil {
		return err
	}
	if s.merged == nil && !slices.Contains(s.wanted, false) {
		s.engine.totals.keep(w, s.view, s.encode())
	}
	return nil
}

// encode returns what was added up as a page.
func (s *sums) encode() []byte {
	slices.Sort(s.touched)
	var whole, value []byte
	previous := uint32(0)
	for _, series := range s.touched {
		r := &s.rollups[series]
		if r.Durations.Count() > 0 {
			value = r.Durations.AppendBinary(value[:0])
			whole = page.Append(whole, previous, series, false, value)
			previous = series
		}
		if r.Dropped > 0 {
			whole = page.Append(whole, previous, series, true, binary.AppendUvarint(value[:0], r.Dropped))
			previous = series
		}
	}
	return slices.Clip(whole)
}

// addWindow adds the pages and the requests in blocks that lie in the window.
func (s *sums) addWindow(ctx context.Context, w rollup.Window) error {
	pages, spans := plan(w, s.state.floor10s)
	// The longest spans first: they have the widest histograms, which then need not grow.
	slices.SortStableFunc(pages, func(a, b cover.Run) int { return b.Level - a.Level })
	if err := s.addRuns(ctx, pages); err != nil {
		return err
	}
	for _, span := range spans {
		if err := s.addSpan(ctx, span); err != nil {
			return err
		}
	}
	return nil
}

// addRuns adds up pages, in two goroutines: about half of a week's report are days and
// half are hours.
func (s *sums) addRuns(ctx context.Context, runs []cover.Run) error {
	hourly := func(run cover.Run) bool { return run.Level == level1h }
	join := func(*sums) error { return nil }
	var err error
	forked := slices.ContainsFunc(runs, hourly) && len(runs) > 1
	if forked {
		if join, err = s.fork(ctx, runs, level1h); err != nil {
			return err
		}
	}
	for _, run := range runs {
		if forked && hourly(run) {
			continue
		}
		if err = s.addPages(ctx, run); err != nil {
			break
		}
	}
	return errors.Join(err, join(s))
}

// fork starts adding up the pages of a level, and returns a function that
// waits for the end and adds the result to another's.
func (s *sums) fork(ctx context.Context, runs []cover.Run, level int) (join func(*sums) error, err error) {
	it, err := s.pages.Clone(pebble.CloneOptions{})
	if err != nil {
		return nil, err
	}
	mine := *s.view
	mine.pages = it
	part := sumsPool.Get().(*sums)
	part.view = &mine
	part.grow()
	done := make(chan error, 1)
	go func() {
		var err error
		for _, run := range runs {
			if run.Level == level && err == nil {
				err = part.addPages(ctx, run)
			}
		}
		done <- err
	}()
	return func(to *sums) error {
		defer part.free()
		err := <-done
		if closeErr := s.engine.attempt(it.Close); err == nil && !s.engine.isDead() {
			err = closeErr
		}
		for _, series := range part.touched {
			from := &part.rollups[series]
			r := to.of(series)
			r.Durations.Merge(&from.Durations)
			r.Dropped += from.Dropped
		}
		return err
	}, nil
}

// grow makes room for every series.
func (s *sums) grow() {
	if n := len(s.keys); n > len(s.rollups) {
		s.rollups = append(s.rollups, make([]rollup.Rollup, n-len(s.rollups))...)
	}
}

func (s *sums) addPages(ctx context.Context, run cover.Run) error {
	s.pages.SetBounds(keyPage(run.Level, run.First), keyPage(run.Level, run.End))
	for s.pages.First(); s.pages.Valid(); s.pages.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := s.pages.ValueAndErr()
		if err != nil {
			return err
		}
		if err := s.addPage(b); err != nil {
			return err
		}
	}
	return s.pages.Error()
}

func (s *sums) addPage(b []byte) error {
	e := page.Read(b)
	for e.Next() {
		if int(e.Series) >= len(s.wanted) {
			return page.ErrCorrupt
		}
		if !s.wanted[e.Series] {
			continue
		}
		r := s.of(e.Series)
		if e.Drops {
			n, err := e.Count()
			if err != nil {
				return err
			}
			r.Dropped += n
		} else if _, err := r.Durations.MergeBinary(e.Value); err != nil {
			return err
		}
	}
	if e.Corrupt() {
		return page.ErrCorrupt
	}
	return nil
}

// addSpan adds the requests in blocks that lie in the span.
func (s *sums) addSpan(ctx context.Context, span rollup.Window) error {
	s.blocks.SetBounds(keyHour(span.From/hourMillis), keyBlock(span.To, 0))
	for s.blocks.First(); s.blocks.Valid(); s.blocks.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		reader := s.spans.find(s.blocks.Key())
		if reader == nil {
			block, err := s.blocks.ValueAndErr()
			if err != nil {
				return err
			}
			if endsBefore(block, span.From) {
				continue
			}
			reader = s.spans.oldest()
			if err := reader.read(s.blocks.Key(), block); err != nil {
				return err
			}
		}
		s.addSorted(&reader.rows, span)
	}
	return s.blocks.Error()
}

// read decodes a block.
func (r *spanReader) read(key, block []byte) error {
	r.key = r.key[:0]
	if err := r.open(block); err != nil {
		return err
	}
	if err := r.blockReader.read(); err != nil {
		return err
	}
	if err := r.durations(); err != nil {
		return err
	}
	r.key = append(r.key, key...)
	return nil
}

// addSorted adds the rows, which are sorted by start, that lie in the window.
func (s *sums) addSorted(r *rows, w rollup.Window) {
	from, _ := slices.BinarySearch(r.start, w.From)
	to, _ := slices.BinarySearch(r.start, w.To)
	for i := from; i < to; i++ {
		if series := r.series[i]; s.wanted[series] {
			s.of(series).Durations.Record(r.duration[i])
		}
	}
	s.addDrops(r, w)
}

func (s *sums) addRows(r *rows, w rollup.Window) {
	var h *hist.Histogram
	last := -1
	for i, start := range r.start {
		if !w.Contains(start) || !s.wanted[r.series[i]] {
			continue
		}
		if series := int(r.series[i]); series != last {
			h, last = &s.of(r.series[i]).Durations, series
		}
		h.Record(r.duration[i])
	}
	s.addDrops(r, w)
}

// addPlaces adds the rows at these places.
func (s *sums) addPlaces(r *rows, places []uint32) {
	for _, i := range places {
		if series := r.series[i]; s.wanted[series] {
			s.of(series).Durations.Record(r.duration[i])
		}
	}
}

func (s *sums) addDrops(r *rows, w rollup.Window) {
	for _, d := range r.drops {
		if w.Contains(d.at) && s.wanted[d.series] {
			s.of(d.series).Dropped += d.count
		}
	}
}
