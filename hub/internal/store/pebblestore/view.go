package pebblestore

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// view is the store at one instant: what is in Pebble and what is in memory.
type view struct {
	window rollup.Window
	engine *engine
	state  state
	epoch  uint64 // of the engine's totals
	keys   []rollup.Key
	memory [2]rows // not yet in Pebble
	held   []*memory
	health [2][]healthRow
	pages  *pebble.Iterator
	blocks *pebble.Iterator // of the same instant
	wanted []bool           // by series: whether it passes the filter
	merged []uint32         // by series: the series in whose rollup it is counted; nil if each has its own
	step   int64            // see store.RollupQuery
	// inParts has the places of memory's rows by part of a stepped window, and part is
	// the index of this view's part. Scanning all of memory for each of a hundred parts
	// would cost more than everything else.
	inParts [2][][]uint32
	part    int
	// spans has the blocks that were read last, which the next part, or the next query, often
	// needs again.
	spans *spanReaders
}

// spanReader is a decoded block and its key.
type spanReader struct {
	blockReader
	key []byte
}

// spanReaders are some decoded blocks, the one that was used last first: a window needs
// one at its beginning, and one or two at its end.
type spanReaders [3]*spanReader

// find returns the block with the key, or nil if it is not there.
func (r *spanReaders) find(key []byte) *spanReader {
	for i, reader := range r {
		if reader != nil && bytes.Equal(reader.key, key) {
			return r.first(i)
		}
	}
	return nil
}

// oldest returns a reader to be used for another block.
func (r *spanReaders) oldest() *spanReader {
	last := len(r) - 1
	if r[last] == nil {
		r[last] = new(spanReader)
	}
	return r.first(last)
}

// first makes the i-th the first.
func (r *spanReaders) first(i int) *spanReader {
	reader := r[i]
	copy(r[1:i+1], r[:i])
	r[0] = reader
	return reader
}

// view returns an immutable view of the current state.
func (s *Store) view(w rollup.Window, f store.Filter) (*view, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, store.ErrClosed
	}
	v := &view{window: w, engine: s.engine, state: s.state, keys: s.series.keys}
	v.engine.users.Add(1)
	v.epoch = v.engine.totals.begin()
	v.memory[0], v.health[0] = s.recent.rows, s.recent.health
	v.hold(s.recent)
	frozen, forgot := s.frozen, s.forgot
	if frozen != nil {
		v.hold(frozen)
	}
	err := v.iterate()
	s.mu.RUnlock()
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	// The frozen memory may enter Pebble at any instant. Only the iterators' view of it
	// shows whether it already has.
	if frozen != nil && frozen.segment > v.state.segment {
		v.memory[1], v.health[1] = frozen.rows, frozen.health
	}
	v.window.From = max(w.From, v.state.floor, forgot)
	v.spans, _ = v.engine.readers.Get().(*spanReaders)
	if v.spans == nil {
		v.spans = new(spanReaders)
	}
	v.wanted = make([]bool, len(v.keys))
	for i := range v.keys {
		v.wanted[i] = selects(&f, &v.keys[i])
	}
	return v, nil
}

// hold keeps the columns of a memory from being used again until the view is closed.
func (v *view) hold(m *memory) {
	m.readers.Add(1)
	v.held = append(v.held, m)
}

// coarse finds for each series the first one that it is merged with.
func coarse(keys []rollup.Key) []uint32 {
	type kind struct {
		status int
		other  bool
	}
	first, merged := make(map[kind]uint32), make([]uint32, len(keys))
	for i := range keys {
		k := kind{keys[i].Status, keys[i].Endpoint == wire.Other}
		if _, ok := first[k]; !ok {
			first[k] = uint32(i)
		}
		merged[i] = first[k]
	}
	return merged
}

// iterate opens the iterators and reads the state of the same instant.
func (v *view) iterate() (err error) {
	if v.pages, err = v.engine.db.NewIter(nil); err != nil {
		return err
	}
	if v.blocks, err = v.pages.Clone(pebble.CloneOptions{}); err != nil {
		return err
	}
	if !v.pages.SeekGE(keyState) || !bytes.Equal(v.pages.Key(), keyState) {
		return v.pages.Error()
	}
	value, err := v.pages.ValueAndErr()
	if err != nil {
		return err
	}
	floor10s := v.state.floor10s
	v.state, err = decodeState(value)
	v.state.floor10s = max(v.state.floor10s, floor10s)
	return err
}

func prefixed(prefix byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}}
}

// close closes the iterators. A dead engine may hold the lock that this needs.
func (v *view) close() error {
	if v.spans != nil {
		v.engine.readers.Put(v.spans)
	}
	for _, m := range v.held {
		m.readers.Add(-1)
	}
	err := v.engine.attempt(func() (err error) {
		defer v.engine.release()
		for _, it := range []*pebble.Iterator{v.pages, v.blocks} {
			if it != nil {
				err = errors.Join(err, it.Close())
			}
		}
		return err
	})
	if v.engine.isDead() {
		return nil
	}
	return err
}
