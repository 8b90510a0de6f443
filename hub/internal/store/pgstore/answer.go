package pgstore

import (
	"cmp"
	"slices"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/page"
)

// tally is the sum of what was read of the current part.
type tally struct {
	found   map[uint32]*rollup.Rollup     // nil for a series that the query does not ask for
	byKey   map[rollup.Key]*rollup.Rollup // a series can have two numbers, if it lost its row
	rollups []*rollup.Rollup              // of those that it asks for
	unknown map[int32]bool                // series whose keys must be read before the part is read again
	ahead   []detail                      // of later parts: the details of one span may belong to many
	sorted  bool                          // whether ahead is sorted
}

// reach yields the parts that end at an instant or before it, unless some of their
// series are unknown.
func (a *answer) reach(instant int64) {
	for a.at < len(a.parts) && a.parts[a.at].To <= instant && len(a.unknown) == 0 {
		start := rollup.StepOf(a.parts[a.at].From, a.query.Step)
		for _, r := range a.rollups {
			if r.Durations.Count() == 0 && r.Dropped == 0 {
				continue
			}
			r.Start, a.begun = start, true
			if !a.yield(r, nil) {
				a.ended = true
				return
			}
			r.Durations.Reset()
			r.Dropped = 0
		}
		a.at++
		a.catchUp()
	}
}

// of returns the rollup of a series, or nil if the query does not ask for it.
func (a *answer) of(id uint32, drops bool) *rollup.Rollup {
	if r, ok := a.found[id]; ok {
		return r
	}
	key, ok := a.store.series.key(id)
	if !ok && a.lost[id] {
		return nil
	}
	if !ok {
		a.unknown[int32(id)] = true
		return nil
	}
	r := a.byKey[key]
	if r == nil && (drops && a.query.SelectsDrops(key.Service) || !drops && a.query.Selects(&key)) {
		r = &rollup.Rollup{Key: key}
		a.rollups, a.byKey[key] = append(a.rollups, r), r
	}
	a.found[id] = r
	return r
}

func (a *answer) add(level int16, start int64, b []byte) error {
	if level == levelDetails {
		return a.addDetails(b, pageLevels[levelDetails].Start(start))
	}
	return a.addPage(b)
}

func (a *answer) addPage(b []byte) error {
	e := page.Read(b)
	for e.Next() {
		r := a.of(e.Series, e.Drops)
		switch {
		case r == nil, len(a.unknown) > 0:
		case e.Drops:
			n, err := e.Count()
			if err != nil {
				return err
			}
			r.Dropped += n
		default:
			if _, err := r.Durations.MergeBinary(e.Value); err != nil {
				return err
			}
		}
	}
	if e.Corrupt() {
		return errDamaged
	}
	return nil
}

// addDetails adds the details of the current part and keeps those of later parts: a
// span is read either as details or as a page, whatever part it lies in.
func (a *answer) addDetails(b []byte, base int64) error {
	part := a.parts[a.at]
	reader := detailsReader{left: b, at: base}
	for {
		d, ok, err := reader.next()
		if !ok || err != nil {
			return err
		}
		switch {
		case d.start < part.From || d.start >= a.query.To:
		case d.start >= part.To && len(a.unknown) == 0:
			a.ahead, a.sorted = append(a.ahead, d), false
		default:
			a.put(&d)
		}
	}
}

func (a *answer) put(d *detail) {
	r := a.of(d.series, d.drops)
	switch {
	case r == nil, len(a.unknown) > 0:
	case d.drops:
		r.Dropped += d.value
	default:
		r.Durations.Record(int64(d.value))
	}
}

// catchUp adds the details of the current part that were read with earlier parts.
func (a *answer) catchUp() {
	if len(a.ahead) == 0 || a.at == len(a.parts) {
		return
	}
	if !a.sorted {
		slices.SortFunc(a.ahead, func(a, b detail) int { return cmp.Compare(a.start, b.start) })
		a.sorted = true
	}
	n := 0
	for ; n < len(a.ahead) && a.ahead[n].start < a.parts[a.at].To; n++ {
		a.put(&a.ahead[n])
	}
	a.ahead = a.ahead[n:]
}
