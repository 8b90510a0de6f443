package api

import (
	"context"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// knownFromTTL is for how long an instant found by knownFrom is cached.
const knownFromTTL = 15 * time.Second

// knownFrom returns approximately the first instant for which the hub has requests
// (Unix ms), or now if it has none. What happened before is unknown.
func (a *API) knownFrom(ctx context.Context) (int64, error) {
	type key struct{}
	return lookup(ctx, &a.cache, liveAnswer{liveOf(ctx), key{}}, a.Now, knownFromTTL, func(ctx context.Context) (int64, error) {
		now := a.Now()
		w := rollup.Window{From: now.Add(-a.Intake.Retention()).UnixMilli(), To: now.UnixMilli()}
		for _, step := range []time.Duration{time.Hour, 10 * time.Second, time.Second} {
			first, err := a.firstStep(ctx, w, step.Milliseconds())
			if err != nil || first == w.To {
				return first, err
			}
			w = rollup.Window{From: max(w.From, first), To: min(w.To, first+step.Milliseconds())}
		}
		return w.From, nil
	})
}

// firstStep returns the beginning of the first step of a window that has requests, or
// the window's end if none has.
func (a *API) firstStep(ctx context.Context, w rollup.Window, millis int64) (int64, error) {
	for r, err := range a.Store.Rollups(ctx, store.RollupQuery{Window: w, Step: millis, Coarse: true}) {
		if err != nil {
			return 0, err
		}
		if r.Durations.Count() > 0 {
			return r.Start, nil
		}
	}
	return w.To, nil
}
