package report

import (
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// dropped counts the requests that could not be kept, by reason.
type dropped [wire.DropReasons]uint64

func (d *dropped) add(r *rollup.Rollup) {
	if r.Dropped > 0 {
		d[r.Reason()] += r.Dropped
	}
}

func (d *dropped) merge(o *dropped) {
	for reason, n := range o {
		d[reason] += n
	}
}

// put sets what a Trust says of them. What is too old is not missing from the numbers of
// the window in which it arrived.
func (d *dropped) put(t *Trust) {
	for reason, n := range d {
		switch {
		case n == 0:
		case wire.DropReason(reason) == wire.TooOld:
			t.TooOld = n
		default:
			if t.DroppedReasons == nil {
				t.DroppedReasons = make(map[string]uint64)
			}
			t.Dropped += n
			t.DroppedReasons[wire.DropReason(reason).String()] = n
		}
	}
}
