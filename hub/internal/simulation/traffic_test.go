package simulation

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// newBatch makes a batch, which is yet to be sent. Nearly all of its requests are from
// the last minutes; some are older, some too old, some in the future.
func (w *world) newBatch() *batch {
	instance := fmt.Sprintf("i%d", w.r.IntN(4))
	w.sequences[instance]++
	b := &batch{identity: identity{instance, w.sequences[instance]}, requests: make(map[int64]wire.Request), variant: -1}
	builder := wire.NewBuilder()
	now := w.truth()
	for i := range 1 + w.r.IntN(12) {
		w.numbers++
		r := wire.Request{
			Key: wire.Key{
				Service: fmt.Sprintf("s%d", w.r.IntN(2)), Endpoint: fmt.Sprintf("/e%d", w.r.IntN(4)), Method: "GET", Status: 200 + w.r.IntN(2)*300,
			},
			Start:    w.startOf(now),
			Duration: time.Duration(math.Exp(14 + 3*w.r.NormFloat64())),
			Size:     w.numbers,
		}
		if i == 0 {
			r.Start = now // so that one can see whether the batch is there
		}
		r.Duration = min(r.Duration, wire.MaxDuration)
		if w.r.IntN(2) == 0 {
			r.User = fmt.Sprintf("u%d", w.r.IntN(5))
		}
		if w.r.IntN(4) == 0 {
			r.Error, r.Version, r.Trace = fmt.Sprintf("class %d", w.r.IntN(3)), fmt.Sprint(w.r.IntN(2)), wire.TraceID{byte(w.numbers)}
		}
		builder.Add(&r)
		r.Instance = instance
		b.requests[r.Size] = r
	}
	if w.r.IntN(4) == 0 {
		b.dropped = uint64(1 + w.r.IntN(5))
		builder.AddDrop(wire.Drop{Service: "s0", At: w.startOf(now), Count: b.dropped})
	}
	made := builder.Batch(instance, b.sequence)
	if w.r.IntN(3) == 0 {
		w.numbers++
		from := now - w.r.Int64N(3_600_000)
		made.Health = []wire.HealthResult{{
			Service: "s1", Check: fmt.Sprintf("c%d", w.r.IntN(2)), Status: health.Down,
			From: from, To: from + w.r.Int64N(60_000), Reason: fmt.Sprint("reason ", w.numbers),
		}}
	}
	b.data = made.AppendBinary(nil)
	w.model.add(b)
	return b
}

func (w *world) startOf(now int64) int64 {
	age := w.age.Milliseconds()
	const hour = 3_600_000
	switch n := w.r.IntN(100); {
	case n < 70:
		return now - w.r.Int64N(hour/4)
	case n < 90:
		return now - w.r.Int64N(age)
	case n < 94:
		return now - age - w.r.Int64N(10*hour)
	case n < 98:
		return now + w.r.Int64N(23*hour)
	}
	return now + 25*hour + w.r.Int64N(100*hour)
}

// screened returns what is wrong with what the intake made of a batch, or "".
func (w *world) screened(sent *batch, got *wire.Batch) string {
	now := w.truth()
	left := make(map[int64]bool)
	for i := range got.Len() {
		r := got.Request(i)
		if sent.requests[r.Size] != r || left[r.Size] {
			return fmt.Sprintf("the request %+v was not sent, or not like this", r)
		}
		left[r.Size] = true
		if !w.belief && w.wrong.Load() == 0 && r.Start > now+(24*time.Hour+slack).Milliseconds() && w.latest < now {
			return fmt.Sprintf("a request is kept that starts at %s", time.UnixMilli(r.Start).UTC())
		}
	}
	missing := uint64(0)
	for number, r := range sent.requests {
		if left[number] {
			continue
		}
		missing++
		within := r.Start > now-(w.age-slack-time.Minute).Milliseconds() && r.Start < now+w.ahead().Milliseconds()
		if within && r.Start >= max(w.squeezed, w.floor) && !w.belief {
			return fmt.Sprintf("the request at %s is left out, at %s", time.UnixMilli(r.Start).UTC(), time.UnixMilli(now).UTC())
		}
	}
	dropped := uint64(0)
	for _, d := range got.Drops {
		dropped += d.Count
	}
	if dropped != sent.dropped+missing {
		return fmt.Sprintf("%d requests are left out, %d were dropped before, and %d count as dropped", missing, sent.dropped, dropped)
	}
	return ""
}

// ahead returns how far ahead of the true time a request may start that must be kept.
func (w *world) ahead() time.Duration {
	switch {
	case time.Duration(w.wrong.Load()) >= -slack:
		return 23 * time.Hour
	case w.truth()-w.jump < 4*hour:
		return -w.age // what the store remembers may be as old as the jump is long
	}
	return 12 * time.Hour
}

// burst sends several batches at once, some of them twice.
func (w *world) burst() {
	var all []*batch
	for range 2 + w.r.IntN(6) {
		b := w.newBatch()
		all = append(all, b)
		if w.r.IntN(4) == 0 {
			all = append(all, b)
		}
	}
	w.shipAll(all)
}

func (w *world) shipAll(all []*batch) {
	var wg sync.WaitGroup
	errs := make([]error, len(all))
	for i, b := range all {
		wg.Go(func() { errs[i] = w.hub.Ship(w.t.Context(), b.data) })
	}
	wg.Wait()
	for i, err := range errs {
		w.notef("  batch %v of %d, at once: %v", all[i].identity, len(all[i].requests), err)
		if err != nil && w.disk.failed() == w.fired && !w.disk.crashed() {
			w.failf("batch %v is refused, though the disk works: %v", all[i].identity, err)
		}
	}
}

// duplicate sends batches again that were acknowledged.
func (w *world) duplicate() {
	if w.belief {
		return // the store may have forgotten them by a wrong clock
	}
	since := w.truth() - (100 * time.Hour).Milliseconds()
	kept := w.model.pick(func(b *batch) bool { return b.data != nil && b.kept && !b.forgot && b.at > since })
	for range min(len(kept), 1+w.r.IntN(3)) {
		w.ship(kept[w.r.IntN(len(kept))])
	}
}

// retry sends the batches that were refused or held back, in any order.
func (w *world) retry() {
	late := w.model.pick(func(b *batch) bool { return b.data != nil && !b.kept && !b.forgot })
	w.r.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
	if len(late) > 3 && w.r.IntN(2) == 0 {
		w.shipAll(late)
		return
	}
	for _, b := range slices.Clone(late) {
		w.ship(b)
	}
}
