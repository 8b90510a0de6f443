package pebblestore

import (
	"errors"

	"github.com/kymohq/kymo/internal/wire"
)

// healthExtent is how many bytes of the disk the health results take, and the range of
// instants (Unix ms) at which they begin.
type healthExtent struct {
	bytes    uint64
	from, to int64
}

func (e *engine) healthExtent() (x healthExtent, err error) {
	it, err := e.db.NewIter(prefixed(prefixHealth))
	if err != nil {
		return x, err
	}
	err = eachName(it, func(name string) error {
		first := healthFrom(it.Key())
		it.SeekLT(keyHealthEnd(name))
		if last := healthFrom(it.Key()); x.to == 0 {
			x.from, x.to = first, last
		} else {
			x.from, x.to = min(x.from, first), max(x.to, last)
		}
		return it.Error()
	})
	if err = errors.Join(err, it.Close()); err == nil && x.to > 0 {
		x.bytes, err = e.db.EstimateDiskUsage([]byte{prefixHealth}, []byte{prefixHealth + 1})
	}
	return x, err
}

// before estimates how many bytes pruning before the instant frees. Since keys are
// ordered by check first, it assumes that the results are spread evenly over time.
func (x *healthExtent) before(floor int64) uint64 {
	old := min(floor-wire.MaxSpan, x.to) - x.from
	if old <= 0 {
		return 0
	}
	return uint64(float64(x.bytes) * float64(old) / float64(x.to-x.from))
}
