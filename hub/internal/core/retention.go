package core

import (
	"context"
	"errors"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
)

// pruneEvery is how often the retention is applied to the store.
const pruneEvery = time.Minute

// prune deletes what is beyond the retention. A failure is logged and counted; the
// next round tries again.
func (h *Hub) prune(ctx context.Context) {
	keep := h.config.Load().Retention
	err := h.keepTime(ctx)
	if err == nil && h.clock.Proven() {
		before := h.clock.Past().Add(-keep.Age).UnixMilli()
		err = errors.Join(h.mendFloor(ctx, before), h.store.Prune(ctx, before))
	}
	if s, ok := h.store.(store.Sizer); ok && keep.Size > 0 {
		forgot, sizeErr := s.PruneToSize(ctx, keep.Size)
		h.tellOfSize(forgot, keep.Size)
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

// tellEvery is how often the log tells that the maximum size is what deletes requests.
const tellEvery = 24 * time.Hour

// tellOfSize logs that everything before an instant (Unix ms) was deleted because of the
// maximum size, if anything was. A store that is full deletes all the time.
func (h *Hub) tellOfSize(before, size int64) {
	if before == 0 || !h.toldOfSize.IsZero() && time.Since(h.toldOfSize) < tellEvery {
		return
	}
	h.toldOfSize = time.Now()
	h.Logger.Warn("deletes requests younger than retention.age from now on: the store is as large as retention.size",
		"before", time.UnixMilli(before).UTC(), "size", size)
}

// keepSize has the store hold itself to a size, if it can.
func (h *Hub) keepSize(bytes int64) {
	if k, ok := h.store.(store.SizeKeeper); ok {
		k.KeepSize(bytes)
	}
}

// Retention describes which requests the hub keeps, and why.
func (h *Hub) Retention() report.Retention {
	keep := h.config.Load().Retention
	from, to := h.intake.Accepts()
	r := report.Retention{
		From: from.UTC(), To: to.UTC(), AgeHours: keep.Age.Hours(), Size: keep.Size,
		Clock: report.Clock{Time: h.clock.Now().UTC(), Doubt: h.clock.Doubt(), Deletes: h.clock.Past().UTC()},
	}
	floor := int64(0)
	if f, ok := h.store.(store.Floorer); ok {
		floor = f.Floor()
	}
	r.SetFloor(floor)
	return r
}

// LowerFloor moves the store's floor back to an instant, but not to before what the
// maximum age keeps: the next round would move it there again. A floor that is there or
// before it stays.
func (h *Hub) LowerFloor(ctx context.Context, to time.Time) error {
	f, ok := h.store.(store.Floorer)
	if !ok {
		return nil
	}
	oldest := h.clock.Past().Add(-h.config.Load().Retention.Age)
	if to.Before(oldest) {
		to = oldest
	}
	was := f.Floor()
	if err := f.LowerFloor(ctx, to.UnixMilli()); err != nil {
		return err
	}
	if now := f.Floor(); now != was {
		h.Logger.Warn("the floor was lowered by a request; requests from there on are kept again",
			"was", time.UnixMilli(was).UTC(), "floor", time.UnixMilli(now).UTC())
	}
	return nil
}
