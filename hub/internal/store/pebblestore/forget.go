package pebblestore

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/internal/wire"
)

// forget moves the floor and cuts what lies before it out of the database. Unlike a
// deletion, which is written before anything gives back its room, that takes a few
// kilobytes. Memory must be empty.
//
// The floor is durable before anything is cut out: what is gone is never taken for all
// there was.
func (l *loader) forget(floor int64) error {
	st := l.state
	st.floor = floor
	b := l.engine.db.NewBatch()
	if err := b.Set(keyState, st.encode(), nil); err != nil {
		return err
	}
	if err := l.engine.apply(b); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return err
	}
	l.state = st
	// If this engine comes to nothing, the one before stays in use, without the files that
	// are deleted now.
	l.mu.Lock()
	l.forgot = floor
	l.mu.Unlock()
	return l.engine.attempt(func() error {
		old, err := l.engine.before(&st, true)
		if err != nil {
			return err
		}
		for _, span := range old {
			if err := l.engine.db.Excise(context.Background(), span); err != nil {
				return err
			}
		}
		return nil
	})
}

// before returns the ranges of keys that have what lies before the floor, those of health
// results only if asked for, since that reads.
func (e *engine) before(st *state, health bool) ([]pebble.KeyRange, error) {
	old := []pebble.KeyRange{{Start: keyHour(0), End: keyHour(st.floor / hourMillis)}}
	for level, r := range levels {
		floor := st.floor
		if level == level10s {
			floor = max(floor, st.floor10s)
		}
		old = append(old, pebble.KeyRange{Start: keyPage(level, 0), End: keyPage(level, r.Span(floor))})
	}
	if !health {
		return old, nil
	}
	results, err := e.healthBefore(st.floor)
	return append(old, results...), err
}

// healthBefore returns, check by check, the ranges of results that end before floor however
// long they are. Those that may extend beyond it are deleted later, and until then queries
// skip the ones that do not.
func (e *engine) healthBefore(floor int64) (old []pebble.KeyRange, err error) {
	it, err := e.db.NewIter(prefixed(prefixHealth))
	if err != nil {
		return nil, err
	}
	end := floor - wire.MaxSpan
	err = eachName(it, func(name string) error {
		if healthFrom(it.Key()) < end { // otherwise nothing is that old, and a tombstone would only slow down reads
			old = append(old, pebble.KeyRange{Start: keyHealth(name, 0), End: keyHealth(name, end)})
		}
		return nil
	})
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	return old, err
}
