package core

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

const (
	beat = time.Second
	// maxPause bounds how many beats pass after a failure: the pause doubles from one
	// failure to the next.
	maxPause = 32
)

// history takes the results of the checks to the store. A store that fails neither
// delays a check nor changes its status: what it did not take waits, first in the
// log, which gives up the oldest when it is full.
type history struct {
	log      *wire.HealthLog
	store    store.Store
	logger   *slog.Logger
	counters *intake.Counters
	news     chan struct{} // a status changed

	cancel context.CancelFunc
	ended  chan struct{}

	// The loop's own, and close's once it has ended.
	instance string
	sequence uint64
	// failed is the batch that the store did not take. It may have been kept
	// nevertheless, so it is tried again as it is, under its own number.
	failed *wire.Batch
	pause  int // after a failure, doubled by each
	rest   int // beats that pass without a write

	kept, lost atomic.Uint64 // results
}

func newHistory(st store.Store, logger *slog.Logger, counters *intake.Counters) *history {
	return &history{
		log: wire.NewHealthLog(""), store: st, logger: logger, counters: counters,
		news: make(chan struct{}, 1), instance: "hub-health-" + rand.Text(),
	}
}

// observe takes each run of a check. It does not wait.
func (h *history) observe(o health.Observation) {
	h.log.Observe(o)
	if o.Before == o.State.Status {
		return
	}
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// start begins to write, at each beat and when a status changed. At each beat
// it calls sweep, too. It owns its goroutine.
func (h *history) start(beats <-chan time.Time, sweep func()) {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.ended = cancel, make(chan struct{})
	stop := func() {}
	if beats == nil {
		ticker := time.NewTicker(beat)
		beats, stop = ticker.C, ticker.Stop
	}
	go func() {
		defer close(h.ended)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beats:
				sweep()
				h.rest = max(0, h.rest-1)
			case <-h.news:
			}
			if h.rest == 0 {
				h.write(ctx, false)
			}
		}
	}()
}

// write takes what is due to the store, or all there is. After a failure the loop
// rests.
func (h *history) write(ctx context.Context, all bool) error {
	for {
		b := h.failed
		if b == nil {
			rows := h.log.Take(all)
			if len(rows) == 0 {
				return nil
			}
			h.sequence++
			b = &wire.Batch{Instance: h.instance, Sequence: h.sequence, Health: rows}
		}
		if _, err := h.store.Append(ctx, b); err != nil {
			h.failed = b
			h.pause = min(max(1, 2*h.pause), maxPause)
			h.rest = h.pause
			if ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
				h.counters.StoreFails.Add(1)
				h.logger.Error("keeping the checks' history failed; it is tried again", "error", err)
			}
			return err
		}
		h.failed, h.pause = nil, 0
		h.kept.Add(uint64(len(b.Health)))
	}
}

// rows returns how many results are in the store, and how many were given up.
func (h *history) rows() (kept, dropped uint64) {
	return h.kept.Load(), h.lost.Load() + h.log.Dropped()
}

// close ends the loop, in the middle of writing if need be, and writes what is left.
func (h *history) close(ctx context.Context) error {
	h.cancel()
	<-h.ended
	err := h.write(ctx, true)
	if err == nil {
		return nil
	}
	left := len(h.failed.Health)
	for rows := h.log.Take(true); len(rows) > 0; rows = h.log.Take(true) {
		left += len(rows)
	}
	h.failed = nil
	h.lost.Add(uint64(left))
	return fmt.Errorf("%d results of checks are not in the history: %w", left, err)
}
