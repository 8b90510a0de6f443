package simulation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

var everything = rollup.Window{From: 0, To: math.MaxInt64 / 2}

// contents is what the store must have by the model.
type contents struct {
	requests []wire.Request
	drops    []wire.Drop
	vague    bool // whether it is not known which drops there are
}

// checkFloor fails if something is deleted that is within the retention by the true time.
func (w *world) checkFloor() {
	floor := w.store.Floor()
	newest := w.truth() + (slack - w.age).Milliseconds()
	if w.belief {
		newest = max(newest, w.latest+(slack+100*time.Hour-w.age).Milliseconds())
	}
	if floor > max(newest, w.squeezed) {
		w.failf("it is %s, and all is deleted before %s", w.now().UTC(), time.UnixMilli(floor).UTC())
	}
	w.floor = max(w.floor, floor)
}

// ask compares the answers of the store with the model.
func (w *world) ask() {
	w.checkFloor()
	w.model.asked()
	records, results := w.read()
	known := w.compareRequests(records)
	w.compareHealth(results)
	for range 3 {
		w.compareRollups(&known)
	}
	w.verify()
}

// read reads everything that the store has: the requests by number, and the numbers of
// the health results.
func (w *world) read() (records map[int64]store.Record, results map[string]bool) {
	for tries := 0; ; tries++ {
		var err error
		if records, results, err = w.readOnce(); err == nil {
			return records, results
		}
		if !w.harmed || !errors.Is(err, store.ErrDamaged) || tries > 20 {
			w.failf("read: %v", err)
		}
	}
}

func (w *world) readOnce() (records map[int64]store.Record, results map[string]bool, err error) {
	records, results = make(map[int64]store.Record), make(map[string]bool)
	last := int64(0)
	for r, err := range w.store.Requests(context.Background(), store.RequestQuery{Window: everything}) {
		if err != nil {
			return nil, nil, err
		}
		if _, twice := records[r.Size]; twice || r.Start < last {
			w.failf("the request %+v is there twice or out of order", *r)
		}
		last = r.Start
		records[r.Size] = *r
	}
	for h, err := range w.store.Health(context.Background(), store.HealthQuery{Window: rollup.Window{From: w.floor, To: everything.To}}) {
		if err != nil {
			return nil, nil, err
		}
		line := healthLine(h.Instance, &h.HealthResult)
		if results[line] {
			w.failf("the health result %s is there twice", line)
		}
		results[line] = true
	}
	return records, results, nil
}

func healthLine(instance string, h *wire.HealthResult) string {
	return fmt.Sprintf("%s %s %d-%d %s %s", instance, h.Name(), h.From, h.To, h.Status, h.Reason)
}

// compareRequests compares the requests with the model, batch by batch. Of those that were
// not acknowledged, it learns which ones are there.
func (w *world) compareRequests(records map[int64]store.Record) (known contents) {
	floor, seen := w.store.Floor(), 0
	w.model.each(func(b *batch) {
		there := 0
		for number := range b.requests {
			if _, ok := records[number]; ok {
				there++
			}
		}
		seen += there
		if !b.due && there == 0 {
			known.vague = known.vague || w.mayHideDrops(b)
			return
		}
		var fitting []int
		problem := "it was never given to the store"
		for i := range b.variants {
			if b.kept && b.variant >= 0 && b.variant != i {
				continue
			}
			if p := w.misfit(b, b.variants[i], records, there, floor); p != "" {
				problem = p
			} else {
				fitting = append(fitting, i)
			}
		}
		if len(fitting) == 0 {
			w.failf("batch %v (acknowledged: %t), of which %d requests are there: %s", b.identity, b.kept, there, problem)
		}
		if !b.kept {
			w.notef("  batch %v is there, though it was not acknowledged", b.identity)
			b.kept, b.at = true, w.truth()
		}
		if len(fitting) == 1 {
			b.variant = fitting[0]
		}
		known.add(b, b.variants[fitting[0]], w.floor)
		known.vague = known.vague || len(fitting) > 1
	})
	if seen != len(records) {
		w.failf("%d requests are there, and only %d of them were sent", len(records), seen)
	}
	return known
}

// mayHideDrops reports whether a batch that was not acknowledged may be there, with dropped
// requests alone.
func (w *world) mayHideDrops(b *batch) bool {
	return slices.ContainsFunc(b.variants, func(v *wire.Batch) bool {
		return len(v.Drops) > 0 && !slices.ContainsFunc(v.Start, func(start int64) bool { return start >= w.floor })
	})
}

// misfit returns what is wrong if the store should have a variant of a batch, or "".
func (w *world) misfit(b *batch, v *wire.Batch, records map[int64]store.Record, there int, floor int64) string {
	for i := range v.Len() {
		r := v.Request(i)
		got, ok := records[r.Size]
		if w.nameless && got.Service == "(lost)" {
			got.Key = r.Key
		}
		switch {
		case ok && got != r:
			return fmt.Sprintf("%+v is %+v", r, got)
		case ok && r.Start < floor:
			return fmt.Sprintf("the request at %s is there, from before %s", time.UnixMilli(r.Start).UTC(), time.UnixMilli(floor).UTC())
		case ok:
			there--
		case r.Start >= w.floor && !b.lost[r.Size]:
			return fmt.Sprintf("the request %d at %s is missing", r.Size, time.UnixMilli(r.Start).UTC())
		}
	}
	if there > 0 {
		return "there are others"
	}
	return ""
}

func (c *contents) add(b *batch, v *wire.Batch, floor int64) {
	for i := range v.Len() {
		if r := v.Request(i); r.Start >= floor && !b.lost[r.Size] {
			c.requests = append(c.requests, r)
		}
	}
	for _, d := range v.Drops {
		if d.At >= floor && d.Count > 0 {
			c.drops = append(c.drops, d)
		}
	}
}

// compareHealth compares the health results with those of the batches that were kept.
func (w *world) compareHealth(results map[string]bool) {
	seen := 0
	w.model.each(func(b *batch) {
		for i, v := range b.variants {
			if b.variant >= 0 && i != b.variant {
				continue
			}
			for k := range v.Health {
				h := &v.Health[k]
				line := healthLine(b.instance, h)
				switch {
				case results[line]:
					seen++
					delete(results, line)
				case b.due && b.variant >= 0 && h.To >= w.floor && !b.lost[-h.From]:
					w.failf("the health result %s of batch %v is missing", line, b.identity)
				}
			}
		}
	})
	for line := range results {
		w.failf("the health result %s was not sent, or is there though its batch is not", line)
	}
}

// compareRollups compares the rollups of a window with the requests that are there.
func (w *world) compareRollups(known *contents) {
	q := w.query()
	if known.vague || w.nameless || w.harmed && w.store.Lost(rollup.Window{From: q.From - q.From%hour, To: q.To - q.To%hour + hour}).Damaged {
		return
	}
	type series struct {
		start int64
		rollup.Key
	}
	durations, dropped := make(map[series][]int64), make(map[series]uint64)
	of := func(at int64, k rollup.Key) series {
		if q.Coarse {
			k = rollup.Key{Status: k.Status}
		}
		if q.Step == 0 {
			return series{0, k}
		}
		return series{rollup.StepOf(at, q.Step), k}
	}
	for i := range known.requests {
		if r := &known.requests[i]; q.Contains(r.Start) && q.Selects(&r.Key) {
			durations[of(r.Start, r.Key)] = append(durations[of(r.Start, r.Key)], int64(r.Duration))
		}
	}
	for _, d := range known.drops {
		if q.Contains(d.At) && q.SelectsDrops(d.Service) {
			dropped[of(d.At, d.Key())] += d.Count
		}
	}
	for r, err := range w.store.Rollups(context.Background(), q) {
		if err != nil {
			w.failf("rollups of %+v: %v", q, err)
		}
		s := of(r.Start, r.Key)
		if n := r.Dropped; n > 0 {
			if dropped[s] != n {
				w.failf("rollups of %+v: %v has %d dropped requests, want %d", q, s, n, dropped[s])
			}
			delete(dropped, s)
		}
		if r.Durations.Count() > 0 {
			if problem := differs(&r.Durations, durations[s]); problem != "" {
				w.failf("rollups of %+v: %v: %s", q, s, problem)
			}
			delete(durations, s)
		}
	}
	if len(durations)+len(dropped) > 0 {
		w.failf("rollups of %+v: these are missing: %v, dropped %v", q, durations, dropped)
	}
}

const hour = int64(3_600_000)

// query returns a query of a random window.
func (w *world) query() store.RollupQuery {
	from, to := w.floor, w.truth()+w.r.Int64N(30*hour)
	if to <= from {
		to = from + 1
	}
	if w.r.IntN(3) > 0 {
		from += w.r.Int64N(to - from)
		to = from + w.r.Int64N(to-from) + 1
	}
	if align := []int64{1, 10_000, 300_000, hour, 24 * hour}[w.r.IntN(5)]; from-from%align >= w.floor {
		from, to = from-from%align, to-to%align+align
	}
	q := store.RollupQuery{Window: rollup.Window{From: from, To: to}}
	switch w.r.IntN(4) {
	case 0:
		q.Step = []int64{60_000, 300_000, hour, 7 * hour}[w.r.IntN(4)]
		for (to-from)/q.Step > 50 {
			q.Step *= 3
		}
	case 1:
		q.Service = "s1"
	case 2:
		q.Endpoint = "/e2"
	}
	return q
}

// differs returns how a histogram differs from that of the durations, or "".
func differs(got *hist.Histogram, durations []int64) string {
	var want hist.Histogram
	for _, d := range durations {
		want.Record(d)
	}
	if !slices.Equal(got.AppendBinary(nil), want.AppendBinary(nil)) {
		return fmt.Sprintf("%d requests, from %s to %s, want %d, from %s to %s", got.Count(), time.Duration(got.Min()), time.Duration(got.Max()),
			want.Count(), time.Duration(want.Min()), time.Duration(want.Max()))
	}
	slices.Sort(durations)
	most := hist.MaxRelativeError * math.Exp2(float64(hist.Scale-got.Scale()))
	for _, q := range []float64{0.5, 0.95, 0.99} {
		exact := float64(durations[int(math.Ceil(q*float64(len(durations))))-1])
		if p := got.Quantile(q); math.Abs(p-exact) > exact*most*1.001 {
			return fmt.Sprintf("quantile %g is %g, and exactly %g", q, p, exact)
		}
	}
	return ""
}

// squeeze has the store become smaller.
func (w *world) squeeze() {
	before, err := w.store.PruneToSize(context.Background(), w.r.Int64N(20_000))
	if err != nil && w.disk.failed() == w.fired {
		w.failf("prune to size: %v", err)
	}
	w.notef("  all is deleted before %s: %v", time.UnixMilli(before).UTC(), err)
	// The hub lowers at once a floor that is in the future.
	w.squeezed = max(w.squeezed, before, w.store.Floor())
	w.floor = max(w.floor, w.squeezed)
}
