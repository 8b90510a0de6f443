package store

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// Cleaned returns a store that answers with names and texts that are fit to be shown
// (package printable), whatever the engine holds. What arrives through the hub is clean
// before it is stored; what another program or an older version stored may not be.
//
// Names that are equal once they are clean are one: a query for such a name yields what
// all of them have, and rollups of the same key can come more than once. Abilities of
// the engine (optional.go) are hidden.
func Cleaned(engine Store) Store { return cleaned{engine} }

type cleaned struct{ Store }

// isReplaced reports whether a name can be what printable.Clean returned for another one.
func isReplaced(name string) bool { return strings.Contains(name, "\uFFFD") }

// widen leaves out of a filter what names can have been replaced in. The answer has to
// be filtered again.
func widen(f Filter) (wide Filter, wider bool) {
	wide = f
	for _, name := range []*string{&wide.Service, &wide.Endpoint, &wide.Method} {
		if isReplaced(*name) {
			*name, wider = "", true
		}
	}
	return wide, wider
}

func cleanKey(k *rollup.Key) rollup.Key {
	return rollup.Key{
		Service: printable.Clean(k.Service), Endpoint: printable.Clean(k.Endpoint), Method: printable.Clean(k.Method), Status: k.Status,
	}
}

func isClean(k *rollup.Key) bool {
	return printable.Is(k.Endpoint) && printable.Is(k.Service) && printable.Is(k.Method)
}

func (s cleaned) Rollups(ctx context.Context, q RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	wide, wider := widen(q.Filter)
	wanted := q.Filter
	q.Filter, q.Coarse = wide, q.Coarse && !wider // a merged rollup has the key of any series
	return func(yield func(*rollup.Rollup, error) bool) {
		for r, err := range s.Store.Rollups(ctx, q) {
			if err == nil && !isClean(&r.Key) {
				shown := *r // the engine may use its own again
				shown.Key = cleanKey(&r.Key)
				r = &shown
			}
			if err == nil && wider && !selects(&wanted, r) {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// selects reports whether a rollup passes the filter. One of dropped requests has no
// more than a service.
func selects(f *Filter, r *rollup.Rollup) bool {
	if r.Durations.Count() == 0 {
		return f.SelectsDrops(r.Service)
	}
	return f.Selects(&r.Key)
}

func (s cleaned) Requests(ctx context.Context, q RequestQuery) iter.Seq2[*Record, error] {
	wanted := q
	wider := false
	if isReplaced(q.User) {
		q.User, wider = "", true
	}
	return func(yield func(*Record, error) bool) {
		exact, one, err := s.filter(ctx, q.Window, q.Filter)
		switch {
		case errors.Is(err, errNoSeries):
			return
		case err != nil:
			yield(nil, err)
			return
		}
		q.Filter, wider = exact, wider || !one
		for r, err := range s.Store.Requests(ctx, q) {
			if err == nil {
				r = cleanRecord(r)
				if wider && !wanted.Matches(r) {
					continue
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

var errNoSeries = errors.New("no series has the name")

// filter returns a filter for the requests of a clean name: one is whether it selects no
// others. Requests are many, so that a name that only one series has is asked for as the
// engine has it. If none has it, the error is errNoSeries.
func (s cleaned) filter(ctx context.Context, w rollup.Window, f Filter) (exact Filter, one bool, err error) {
	wide, wider := widen(f)
	if !wider {
		return f, true, nil
	}
	stored := make(map[Filter]bool)
	for r, err := range s.Store.Rollups(ctx, RollupQuery{Window: w, Filter: wide}) {
		if err != nil {
			return wide, false, err
		}
		if key := cleanKey(&r.Key); r.Durations.Count() == 0 || !f.Selects(&key) {
			continue
		}
		exact = wide
		if isReplaced(f.Service) {
			exact.Service = r.Service
		}
		if isReplaced(f.Endpoint) {
			exact.Endpoint = r.Endpoint
		}
		if isReplaced(f.Method) {
			exact.Method = r.Method
		}
		stored[exact] = true
	}
	switch len(stored) {
	case 0:
		return wide, false, errNoSeries
	case 1:
		return exact, true, nil
	}
	return wide, false, nil
}

func cleanRecord(r *Record) *Record {
	if isClean(&r.Key) && printable.Is(r.User) && printable.Is(r.Error) && printable.Is(r.Instance) && printable.Is(r.Version) {
		return r
	}
	shown := *r
	shown.Key = cleanKey(&r.Key)
	shown.Process = wire.Process{Instance: printable.Clean(r.Instance), Version: printable.Clean(r.Version)}
	shown.User, shown.Error = printable.Clean(r.User), printable.Clean(r.Error)
	return &shown
}

func (s cleaned) Health(ctx context.Context, q HealthQuery) iter.Seq2[*HealthRecord, error] {
	wanted := q
	if isReplaced(q.Name) {
		q.Name = ""
	}
	return func(yield func(*HealthRecord, error) bool) {
		for r, err := range s.Store.Health(ctx, q) {
			if err == nil {
				r = cleanHealth(r)
				if q.Name != wanted.Name && !wanted.Selects(&r.HealthResult) {
					continue
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func cleanHealth(r *HealthRecord) *HealthRecord {
	details := r.Details
	if !isJSONClean(details) {
		details = string(printable.JSON([]byte(details)))
	}
	if details == r.Details && printable.Is(r.Service) && printable.Is(r.Check) && printable.Is(r.Reason) && printable.Is(r.Instance) {
		return r
	}
	shown := *r
	shown.Service, shown.Check, shown.Reason = printable.Clean(r.Service), printable.Clean(r.Check), printable.Clean(r.Reason)
	shown.Instance, shown.Details = printable.Clean(r.Instance), details
	return &shown
}

// isJSONClean reports whether a JSON document is visible ASCII without escapes, which
// most are.
func isJSONClean(document string) bool {
	return !strings.Contains(document, `\`) && printable.Is(document)
}

func (s cleaned) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		for name, err := range s.Store.HealthNames(ctx, w) {
			if err != nil {
				yield("", err)
				return
			}
			names = append(names, printable.Clean(name))
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}
