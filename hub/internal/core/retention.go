package core

import (
	"context"
	"errors"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// pause is how long the retention loop rests.
const pause = time.Minute

// loop keeps the store within the retention. It owns its goroutine.
type loop struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func (l *loop) start(h *Hub) {
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel, l.ended = cancel, make(chan struct{})
	ticks, stop := h.ticks, func() {}
	if ticks == nil {
		ticker := time.NewTicker(pause)
		ticks, stop = ticker.C, ticker.Stop
	}
	go func() {
		defer close(l.ended)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks:
				h.prune(ctx)
			}
		}
	}()
}

// stop ends the loop, in the middle of pruning if need be, and waits for its end.
func (l *loop) stop() {
	l.cancel()
	<-l.ended
}

// prune forgets what is beyond the retention. A failure is logged and counted;
// the next round tries again.
func (h *Hub) prune(ctx context.Context) {
	keep := h.config.Load().Retention
	before := h.Now().Add(-keep.Age).UnixMilli()
	err := h.store.Prune(ctx, before)
	if s, ok := h.store.(store.Sizer); ok && keep.Size > 0 {
		forgot, sizeErr := s.PruneToSize(ctx, keep.Size)
		if forgot > 0 {
			h.Logger.Warn("old requests forgotten before their time: the store is full",
				"before", time.UnixMilli(forgot).UTC(), "size", keep.Size)
		}
		err = errors.Join(err, sizeErr)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
		return
	}
	h.intake.Counters.StoreFails.Add(1)
	h.Logger.Error("forgetting old requests failed", "error", err)
}
