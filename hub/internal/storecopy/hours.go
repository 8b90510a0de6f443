package storecopy

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// hour is an hour of the clock, counted from 1970.
type hour int64

// spanHours is the length at which a span is no longer halved: its hours are yielded one by one.
const spanHours = 32

var lastHour = hourOf(wire.MaxStart)

func hourOf(millis int64) hour { return hour(rollup.Hour.Span(millis)) }

// start returns the first instant of the hour, in Unix milliseconds.
func (h hour) start() int64 { return rollup.Hour.Start(int64(h)) }

func (h hour) window() rollup.Window { return rollup.Window{From: h.start(), To: (h + 1).start()} }

func (h hour) String() string {
	return time.UnixMilli(h.start()).UTC().Format("2006-01-02 15:04") + " UTC"
}

// everything is the window of all that a store can hold.
var everything = rollup.Window{From: 0, To: (lastHour + 1).start()}

// Hourly is a store that would have to read everything to answer for long windows, and
// knows what each hour holds.
type Hourly interface {
	// ByHour returns how many requests each hour has, numbered from 1970 on. One of 0 has
	// health results only. Of the rest of what there is, leftOut rows cannot be copied.
	ByHour(ctx context.Context) (requests map[int64]int64, leftOut int64, err error)
}

// hours yields the hours that may hold something, in order. There are 70 million
// between 1970 and 9999, so it searches by halves: a half that holds nothing is
// left out.
func (p Place) hours(ctx context.Context) iter.Seq2[hour, error] {
	return func(yield func(hour, error) bool) {
		if s, ok := p.Store.(Hourly); ok {
			requests, _, err := s.ByHour(ctx)
			if err != nil {
				yield(0, p.unread(err))
				return
			}
			for _, h := range slices.Sorted(maps.Keys(requests)) {
				if !yield(hour(h), nil) {
					return
				}
			}
			return
		}
		length := hour(spanHours)
		for length <= lastHour {
			length *= 2
		}
		p.search(ctx, 0, length, yield)
	}
}

// search yields the hours of a span whose length is a power of two, and reports
// whether to go on.
func (p Place) search(ctx context.Context, first, length hour, yield func(hour, error) bool) bool {
	w := rollup.Window{From: first.start(), To: min((first + length).start(), everything.To)}
	found, err := p.holds(ctx, w)
	switch {
	case err != nil:
		yield(0, err)
		return false
	case !found:
		return true
	case length > spanHours:
		half := length / 2
		return p.search(ctx, first, half, yield) && p.search(ctx, first+half, half, yield)
	}
	for h := first; h < first+length; h++ {
		if !yield(h, nil) {
			return false
		}
	}
	return true
}

// holds reports whether there is anything in a window. Asking for the names of
// checks costs less than asking for their results.
func (p Place) holds(ctx context.Context, w rollup.Window) (bool, error) {
	for _, err := range p.Rollups(ctx, store.RollupQuery{Window: w}) {
		return err == nil, p.unread(err)
	}
	for _, err := range p.HealthNames(ctx, w) {
		return err == nil, p.unread(err)
	}
	return false, nil
}

// tally is what a store holds of an hour.
type tally struct {
	Amounts
	series map[rollup.Key]counted
	drops  map[dropped]uint64
}

// dropped is whose requests were dropped, and why.
type dropped struct {
	service string
	reason  wire.DropReason
}

func (d dropped) compare(o dropped) int {
	return cmp.Or(strings.Compare(d.service, o.service), cmp.Compare(d.reason, o.reason))
}

// String returns what follows a number of dropped requests.
func (d dropped) String() string {
	if d.reason == wire.UnknownReason {
		return " of " + d.service
	}
	return " of " + d.service + " (" + d.reason.String() + ")"
}

// counted is a series in a tally.
type counted struct {
	requests  int64
	durations string // the histogram's bytes
}

// count returns the tally of an hour.
func (p Place) count(ctx context.Context, h hour) (*tally, error) {
	t := &tally{series: make(map[rollup.Key]counted), drops: make(map[dropped]uint64)}
	for r, err := range p.Rollups(ctx, store.RollupQuery{Window: h.window()}) {
		if err != nil {
			return nil, p.unread(err)
		}
		if n := int64(r.Durations.Count()); n > 0 {
			t.series[r.Key] = counted{n, string(r.Durations.AppendBinary(nil))}
			t.Requests += n
		}
		if r.Dropped > 0 {
			t.drops[dropped{r.Service, r.Reason()}] += r.Dropped
			t.Dropped += int64(r.Dropped)
		}
	}
	for _, err := range p.healthOf(ctx, h) {
		if err != nil {
			return nil, err
		}
		t.Health++
	}
	return t, nil
}

// healthOf yields the health results whose span begins in an hour, so that each
// belongs to one hour.
func (p Place) healthOf(ctx context.Context, h hour) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		for r, err := range p.Health(ctx, store.HealthQuery{Window: h.window()}) {
			if err != nil {
				yield(nil, p.unread(err))
				return
			}
			if hourOf(r.From) == h && !yield(r, nil) {
				return
			}
		}
	}
}

// unread names the store in an error of reading it.
func (p Place) unread(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("read %s: %w", p.Name, err)
}

// requestsOf yields an hour's requests.
func (p Place) requestsOf(ctx context.Context, h hour) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		for r, err := range p.Requests(ctx, store.RequestQuery{Window: h.window()}) {
			if !yield(r, p.unread(err)) {
				return
			}
		}
	}
}
