package core

import (
	"context"
	"fmt"
	"time"

	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
)

// observeEvery is how often the clock is compared with the reckoned time.
const observeEvery = 5 * time.Second

// newClock returns the clock of a hub over a store, which may remember what time it was.
func newClock(st store.Store, o *Options, age time.Duration) (*clock.Clock, error) {
	c := clock.Of(o.Now)
	if o.Elapsed != nil {
		c = clock.New(o.Now, o.Elapsed)
	}
	k, ok := st.(store.Timekeeper)
	if !ok {
		return c, nil
	}
	last, err := k.Reckoned(context.Background())
	if err != nil {
		return nil, err
	}
	// Before stores kept the time, the floor followed it.
	if f, ok := st.(store.Floorer); ok && last == 0 && f.Floor() > 0 {
		last = time.UnixMilli(f.Floor()).Add(age).UnixMilli()
	}
	if last > 0 {
		c.Remember(time.UnixMilli(last))
	} else {
		// Before anything is kept: if the hub is killed within its first minute and starts
		// again with another clock, that must not be the first. If it fails, as on a full
		// disk, the retention loop tries again.
		_ = k.Reckon(context.Background(), c.Reckoned().UnixMilli())
	}
	server, err := k.Time(context.Background())
	if err != nil {
		return nil, err
	}
	if !server.IsZero() {
		c.SetServer(server)
	}
	return c, nil
}

// watchClock observes the clock, and says when it comes into doubt and when it is trusted
// again.
func (h *Hub) watchClock(context.Context) {
	h.clock.Observe()
	doubt := h.clock.Doubt()
	switch was := h.doubt.Swap(&doubt); {
	case doubt == "" && *was != "":
		h.Logger.Info("the clock is trusted again", "was", *was)
		h.checks.calm(config.ClockCheck)
	case doubt != "" && *was == "":
		h.intake.Counters.Doubts.Add(1)
		h.Logger.Warn("the clock is in doubt: nothing that is younger by the time as it was known is deleted, until the clock is right or has gone steadily for an hour",
			"reason", doubt, "clock", h.Now().UTC(), "deleting_as_of", h.clock.Past().UTC())
		h.checks.warn(config.ClockCheck, fmt.Errorf("%s; until it is right, or has gone steadily for an hour, nothing more is deleted by age", doubt))
	}
}

// keepTime asks the store's server for the time, and has the store remember it.
func (h *Hub) keepTime(ctx context.Context) error {
	k, ok := h.store.(store.Timekeeper)
	if !ok {
		return nil
	}
	server, err := k.Time(ctx)
	if err != nil {
		return err
	}
	if !server.IsZero() {
		h.clock.SetServer(server)
	}
	h.watchClock(ctx)
	return k.Reckon(ctx, h.clock.Reckoned().UnixMilli())
}

// mendFloor lowers a floor that lies in the future, where a wrong clock moved it: all that
// comes would be refused.
func (h *Hub) mendFloor(ctx context.Context, before int64) error {
	f, ok := h.store.(store.Floorer)
	if !ok || h.clock.Doubt() != "" || f.Floor() <= h.clock.Future().UnixMilli() {
		return nil
	}
	h.Logger.Warn("everything before a time in the future was deleted, by a clock that was wrong; requests of now are kept again",
		"floor", time.UnixMilli(f.Floor()).UTC())
	return f.LowerFloor(ctx, before)
}
