package core

import (
	"context"
	"errors"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// pruneEvery is how often the retention is applied to the store.
const pruneEvery = time.Minute

// prune deletes what is beyond the retention. A failure is logged and counted; the
// next round tries again.
func (h *Hub) prune(ctx context.Context) {
	keep := h.config.Load().Retention
	err := h.keepTime(ctx)
	if err == nil {
		before := h.clock.Past().Add(-keep.Age).UnixMilli()
		err = errors.Join(h.mendFloor(ctx, before), h.store.Prune(ctx, before))
	}
	if s, ok := h.store.(store.Sizer); ok && keep.Size > 0 {
		forgot, sizeErr := s.PruneToSize(ctx, keep.Size)
		if forgot > 0 {
			h.Logger.Warn("deleted requests younger than retention.age: the store exceeds retention.size",
				"before", time.UnixMilli(forgot).UTC(), "size", keep.Size)
		}
		err = errors.Join(err, sizeErr)
	}
	switch {
	case err == nil:
		h.prunes.Worked()
	case ctx.Err() == nil && !errors.Is(err, store.ErrClosed):
		h.intake.Counters.StoreFails.Add(1)
		h.prunes.Failed(1, err)
	}
}
