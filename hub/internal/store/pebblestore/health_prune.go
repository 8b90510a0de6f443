package pebblestore

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/internal/wire"
)

// pruneHealth deletes, check by check, the results that certainly end before
// floor. Queries skip those that may extend across it until they are old enough
// to be deleted.
func (e *engine) pruneHealth(b *pebble.Batch, floor int64) error {
	it, err := e.db.NewIter(prefixed(prefixHealth))
	if err != nil {
		return err
	}
	end := floor - wire.MaxSpan
	err = eachName(it, func(name string) error {
		if healthFrom(it.Key()) >= end {
			return nil // nothing is that old: a tombstone would only cost reads
		}
		return b.DeleteRange(keyHealth(name, 0), keyHealth(name, end), nil)
	})
	return errors.Join(err, it.Close())
}

// healthExtent is how much of the disk the health results take, and between
// which instants (Unix ms) they begin.
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

// before estimates how many of the bytes pruning before the instant frees. Keys
// are by check and then by time, so it takes the results to lie evenly.
func (x *healthExtent) before(floor int64) uint64 {
	old := min(floor-wire.MaxSpan, x.to) - x.from
	if old <= 0 {
		return 0
	}
	return uint64(float64(x.bytes) * float64(old) / float64(x.to-x.from))
}
