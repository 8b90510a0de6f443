package pebblestore

import (
	"bytes"
	"math"
	"path"

	"github.com/kymohq/kymo/internal/wire"
)

// load opens an engine, replays into it what only the journal has, and makes it the
// store's. Either the caller is the committer, or that is not running. valid is how
// many bytes of the newest segment count.
func (s *Store) load(valid int64) error {
	dir := path.Join(s.dir, "journal")
	e, err := openEngine(s.fs, path.Join(s.dir, "pebble"), s.cache)
	if err != nil {
		return err
	}
	l := loader{Store: s, engine: e, series: newSeriesTable(), identities: make(map[string]*identity), damages: make(map[uint64]*damage)}
	err = l.read()
	if err == nil {
		err = l.replay(dir, valid)
	}
	if err != nil {
		e.die(err)
		e.fence.drain()
		s.retire(e)
		return err
	}
	s.journal = journal{fs: s.fs, dir: dir, number: l.state.segment, valid: math.MaxInt64}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine != nil {
		s.retire(s.engine)
	}
	s.engine, s.series, s.identities, s.damages, s.state = e, l.series, l.identities, l.damages, l.state
	s.recent, s.frozen = newMemory(0), nil
	return nil
}

// retire closes an engine that is no longer in use, without waiting for it.
func (s *Store) retire(e *engine) { s.retired.Go(func() { _ = e.close() }) }

// loader collects the contents of an engine and of the journal.
type loader struct {
	*Store
	engine     *engine
	series     *seriesTable
	identities map[string]*identity
	damages    map[uint64]*damage
	state      state
}

// read reads the state, the series and the identities from the engine.
func (l *loader) read() error {
	b, err := l.engine.get(keyState)
	if err == nil && b != nil {
		l.state, err = decodeState(b)
	}
	if err != nil {
		return err
	}
	l.state.floor10s = max(l.state.floor10s, l.now().UnixMilli()-keep10s)
	err = l.engine.scan(prefixSeries, func(_, value []byte) error {
		k, err := decodeSeries(value)
		l.series.id(k)
		return err
	})
	if err != nil {
		return err
	}
	l.series.saved = len(l.series.keys)
	err = l.engine.scan(prefixMeta, func(key, value []byte) error {
		if !bytes.HasPrefix(key, prefixDamage) {
			return nil
		}
		d, err := decodeDamage(key, value)
		if err == nil {
			l.damages[d.id] = d
		}
		return err
	})
	if err != nil {
		return err
	}
	return l.engine.scan(prefixIdentity, func(key, value []byte) error {
		id, err := decodeIdentity(value)
		l.identities[string(key[1:])] = id
		return err
	})
}

// replay writes the segments that are not in the engine into it, makes them durable
// there, and removes them.
func (l *loader) replay(dir string, valid int64) error {
	numbers, err := segments(l.fs, dir)
	if err != nil {
		return err
	}
	// Each segment's header records how much of the previous one counts.
	limits := make([]int64, len(numbers))
	for i, number := range numbers {
		limits[i] = valid
		if i == 0 {
			continue
		}
		if limits[i-1], err = readSegment(l.fs, dir, number, 0, nil); err != nil {
			return err
		}
	}
	var f flusher
	for i, number := range numbers {
		if number <= l.state.segment {
			continue
		}
		if err := l.replaySegment(&f, dir, number, limits[i]); err != nil {
			return err
		}
	}
	if err := l.engine.flush(); err != nil {
		if l.Store.engine == nil {
			// A store on a full disk opens nevertheless. It answers queries, and the
			// committer opens another engine once there is room.
			return nil
		}
		return err
	}
	for _, number := range numbers {
		if err := l.fs.Remove(segmentName(dir, number)); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) replaySegment(f *flusher, dir string, number uint64, limit int64) error {
	m := newMemory(0)
	now := l.now().UnixMilli()
	var batch wire.Batch
	_, err := readSegment(l.fs, dir, number, limit, func(b []byte) error {
		if err := wire.Decode(b, &batch); err != nil {
			return err
		}
		if !known(l.identities, batch.Instance).numbers.Has(batch.Sequence) {
			m.add(&batch, l.series, l.identities, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	b := l.engine.db.NewBatch()
	m.segment = number
	z := &freeze{m, m.encodeIdentities(), l.series.keys, l.series.saved}
	if err := f.write(b, z, &l.state); err != nil {
		return err
	}
	l.series.saved = len(z.keys)
	if err := l.engine.apply(b); err != nil {
		return err
	}
	return b.Close()
}
