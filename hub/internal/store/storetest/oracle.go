package storetest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Oracle is a store that keeps every request in memory and answers by looking
// at all of them. It is what the engines are held against, and serves tests
// that need a store but no engine.
type Oracle struct {
	mu      sync.Mutex
	closed  bool
	seen    map[identity]bool
	records []store.Record
	drops   []wire.Drop
	health  []store.HealthRecord
}

type identity struct {
	instance string
	sequence uint64
}

var _ store.Store = (*Oracle)(nil)

// NewOracle returns an empty oracle.
func NewOracle() *Oracle { return &Oracle{seen: make(map[identity]bool)} }

// ready returns why nothing can be done, or nil.
func (o *Oracle) ready(ctx context.Context) error {
	if o.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Append keeps the batches that are new.
func (o *Oracle) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.ready(ctx); err != nil {
		return nil, err
	}
	for _, b := range batches {
		if b.Kind != wire.Kept {
			return nil, wire.ErrMalformed
		}
	}
	fresh := make([]bool, len(batches))
	for i, b := range batches {
		id := identity{b.Instance, b.Sequence}
		if o.seen[id] {
			continue
		}
		o.seen[id], fresh[i] = true, true
		for row := range b.Len() {
			o.records = append(o.records, b.Request(row))
		}
		o.drops = append(o.drops, b.Drops...)
		for i := range b.Health {
			h := b.Health[i]
			h.Latency = *h.Latency.Clone()
			o.health = append(o.health, store.HealthRecord{HealthResult: h, Instance: b.Instance})
		}
	}
	return fresh, nil
}

// Rollups counts the requests in the window from scratch.
func (o *Oracle) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		for _, part := range q.Window.Steps(q.Step) {
			one := q
			one.Window = part
			rollups, err := o.rollups(ctx, one)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range rollups {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

func (o *Oracle) rollups(ctx context.Context, q store.RollupQuery) (map[rollup.Key]*rollup.Rollup, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.ready(ctx); err != nil {
		return nil, err
	}
	found := make(map[rollup.Key]*rollup.Rollup)
	of := func(k rollup.Key) *rollup.Rollup {
		if found[k] == nil {
			found[k] = &rollup.Rollup{Key: k, Start: rollup.StepOf(q.From, q.Step)}
		}
		return found[k]
	}
	for i := range o.records {
		r := &o.records[i]
		if q.Contains(r.Start) && q.Selects(&r.Key) {
			of(r.Key).Durations.Record(int64(r.Duration))
		}
	}
	for _, d := range o.drops {
		if d.Count > 0 && q.Contains(d.At) && q.SelectsDrops(d.Service) {
			of(d.Key()).Dropped += d.Count
		}
	}
	return found, nil
}

// Requests yields the requests that match, by start.
func (o *Oracle) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return matching(ctx, o, &o.records, q.Matches, func(a, b store.Record) int { return cmp.Compare(a.Start, b.Start) })
}

// Health yields the results that the query selects.
func (o *Oracle) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	selects := func(r *store.HealthRecord) bool { return q.Selects(&r.HealthResult) }
	return matching(ctx, o, &o.health, selects, func(a, b store.HealthRecord) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Instance, b.Instance))
	})
}

// matching yields copies of those of all that match, in order.
func matching[T any](ctx context.Context, o *Oracle, all *[]T, match func(*T) bool, order func(a, b T) int) iter.Seq2[*T, error] {
	find := func() (found []T, err error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if err := o.ready(ctx); err != nil {
			return nil, err
		}
		for _, r := range *all {
			if match(&r) {
				found = append(found, r)
			}
		}
		slices.SortStableFunc(found, order)
		return found, nil
	}
	return func(yield func(*T, error) bool) {
		found, err := find()
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range found {
			if !yield(&found[i], nil) {
				return
			}
		}
	}
}

// HealthNames yields the names of the results in the window.
func (o *Oracle) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		for r, err := range o.Health(ctx, store.HealthQuery{Window: w}) {
			if err != nil {
				yield("", err)
				return
			}
			names = append(names, r.Name())
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// Prune forgets what lies before the instant.
func (o *Oracle) Prune(_ context.Context, before int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return store.ErrClosed
	}
	o.records = slices.DeleteFunc(o.records, func(r store.Record) bool { return r.Start < before })
	o.drops = slices.DeleteFunc(o.drops, func(d wire.Drop) bool { return d.At < before })
	o.health = slices.DeleteFunc(o.health, func(h store.HealthRecord) bool { return h.To < before })
	return nil
}

// Close makes every later call fail with store.ErrClosed.
func (o *Oracle) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return nil
}
