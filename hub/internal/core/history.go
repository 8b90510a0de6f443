package core

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

const (
	beat = time.Second
	// maxPause is the max number of beats between two attempts: the pause doubles with
	// each failure.
	maxPause = 32
)

// history writes the results of the checks to the store. A store that fails neither
// delays a check nor changes its status: results wait in the log until they can be
// stored, and a full log drops the oldest.
type history struct {
	log      *wire.HealthLog
	store    store.Store
	appended intake.AppendFunc
	news     chan struct{} // a status changed
	services sync.Map      // the checks that are judged by heartbeats: names to those of services
	windows  windows       // of maintenance
	loop     *loop.Loop

	// Only for the loop, and for close once the loop has ended.
	instance string
	sequence uint64
	// failed is the batch that could not be stored. It may have been stored nevertheless,
	// so it is sent again unchanged, with the same number.
	failed *wire.Batch
	pause  int // beats to wait after a failure, doubled by each
	rest   int // beats that pass without a write

	kept, lost atomic.Uint64 // results
}

func newHistory(st store.Store, appended intake.AppendFunc) *history {
	return &history{
		log: wire.NewHealthLog(""), store: st, appended: appended,
		news: make(chan struct{}, 1), instance: "hub-health-" + rand.Text(),
	}
}

// observe adds the result of a run to the log. It does not block.
func (h *history) observe(o health.Observation) {
	if service, ok := h.services.Load(o.Name); ok {
		h.log.ObserveService(service.(string), o)
	} else {
		h.log.Observe(o)
	}
	if o.Before == o.State.Status {
		return
	}
	h.hurry()
}

// hurry requests a write before the next is due.
func (h *history) hurry() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// left records that a service left, and with it the check.
func (h *history) left(service, check string) {
	h.log.Left(service, check, time.Now())
	h.hurry()
}

// start starts a loop that writes results at each beat and after each change of a status,
// and calls sweep at each beat.
func (h *history) start(beats <-chan time.Time, sweep func()) {
	h.loop = loop.StartWaking(beat, beats, func(ctx context.Context) {
		sweep()
		h.rest = max(0, h.rest-1)
		h.writeDue(ctx)
	}, h.news, h.writeDue)
}

// writeDue writes the results that are due, except while the loop pauses.
func (h *history) writeDue(ctx context.Context) {
	if h.rest == 0 {
		_ = h.write(ctx, false) // appended logs its error, and the rows are kept
	}
}

// write stores the results that are due, or all of them. After a failure the loop
// pauses.
func (h *history) write(ctx context.Context, all bool) error {
	now := time.Now()
	for {
		b := h.failed
		if b == nil {
			rows := h.log.Take(all)
			if len(rows) == 0 {
				rows = h.windows.take(now, all)
			}
			if len(rows) == 0 {
				return nil
			}
			h.sequence++
			b = &wire.Batch{Instance: h.instance, Sequence: h.sequence, Health: rows}
		}
		_, err := h.store.Append(ctx, b)
		h.appended(ctx, 1, err)
		if err != nil {
			h.failed = b
			h.pause = min(max(1, 2*h.pause), maxPause)
			h.rest = h.pause
			return err
		}
		h.failed, h.pause = nil, 0
		if b.Health[0].Check != maintenance.Series { // then all rows are windows
			h.kept.Add(uint64(len(b.Health)))
		}
	}
}

// rows returns how many results were stored, and how many were dropped.
func (h *history) rows() (kept, dropped uint64) {
	return h.kept.Load(), h.lost.Load() + h.log.Dropped()
}

// close ends the loop and writes what is left. A write under way comes to its end if it can:
// a database may need a while to tell whether it has what was cut short.
func (h *history) close(ctx context.Context) error {
	first, cancel := ctx, func() {}
	if deadline, ok := ctx.Deadline(); ok { // the rest is for another attempt, over another connection
		first, cancel = context.WithTimeout(ctx, time.Until(deadline)*2/3)
	}
	h.loop.Finish(first)
	cancel()
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
	verb := "were"
	if left == 1 {
		verb = "was"
	}
	return fmt.Errorf("%s of checks %s not stored: %w", figure.Plural(int64(left), "result"), verb, err)
}
