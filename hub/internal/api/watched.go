package api

import (
	"context"
	"errors"
	"iter"

	"github.com/kymohq/kymo/hub/internal/outage"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// watched is a store that logs while it cannot be read.
type watched struct {
	store.Store
	log *outage.Log
}

// watch notes how a read of the store ends.
func watch[T any](ctx context.Context, log *outage.Log, read iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		failed := false
		for v, err := range read {
			if err != nil && ctx.Err() == nil && passing(err) {
				failed = true
				log.Failed(1, err)
			}
			if !yield(v, err) {
				break
			}
		}
		if !failed {
			log.Worked()
		}
	}
}

// passing reports whether an error of the store may pass by itself.
func passing(err error) bool {
	return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull) || errors.Is(err, store.ErrDamaged)
}

func (w watched) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return watch(ctx, w.log, w.Store.Rollups(ctx, q))
}

func (w watched) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return watch(ctx, w.log, w.Store.Requests(ctx, q))
}

func (w watched) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return watch(ctx, w.log, w.Store.Health(ctx, q))
}

func (w watched) HealthNames(ctx context.Context, window rollup.Window) iter.Seq2[string, error] {
	return watch(ctx, w.log, w.Store.HealthNames(ctx, window))
}
