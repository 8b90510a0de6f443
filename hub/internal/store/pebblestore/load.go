package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/internal/wire"
)

// load opens an engine, replays into it what only the journal has, and makes it the
// store's. Either the caller is the committer, or that is not running. valid is how
// many bytes of the newest segment count.
func (s *Store) load(valid int64) error {
	dir := path.Join(s.dir, journalDir)
	if s.engine == nil {
		if _, err := s.fs.Stat(path.Join(s.dir, databaseDir)); err == nil {
			// Without any table there is nothing to lose: the first start was cut short.
			if _, err := s.listTables(); err != nil && !errors.Is(err, pebble.ErrDBDoesNotExist) {
				return err
			}
		}
	}
	e, err := openEngine(s.fs, path.Join(s.dir, databaseDir), s.cache, s.ends)
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
	s.lostNow = append(s.lostNow, l.found...)
	s.recent, s.frozen = newMemory(rows{}, 0), nil
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
	found      []*damage // just now
	state      state
}

// read reads the state, the series and the identities from the engine.
func (l *loader) read() error {
	var err error
	if l.state, err = l.engine.state(); err != nil {
		return err
	}
	if err := l.readReckoned(l.engine); err != nil {
		return err
	}
	l.state.floor10s = max(l.state.floor10s, l.past()-keep10s)
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
	contents, ends := make([][]byte, len(numbers)), make([]int64, len(numbers))
	for i, number := range numbers {
		if contents[i], err = readFile(l.fs, segmentName(dir, number)); err != nil {
			return err
		}
		if ends[i] = valid; i > 0 {
			ends[i-1] = previousEnd(contents[i])
		}
	}
	aside := make(map[uint64]bool)
	var f flusher
	for _, gap := range missingSegments(numbers, l.state.segment) {
		if err := l.noteGap(gap); err != nil {
			return err
		}
	}
	for i, number := range numbers {
		if number <= l.state.segment {
			continue
		}
		found := parseSegment(contents[i], ends[i])
		contents[i] = nil
		if err := l.replaySegment(&f, number, &found); err != nil {
			return err
		}
		aside[number] = found.header || found.damaged > 0
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
		remove := l.fs.Remove
		if aside[number] {
			remove = l.setAside
		}
		if err := remove(segmentName(dir, number)); err != nil {
			return err
		}
	}
	return nil
}

// setAside moves a damaged file into the directory of such files.
func (s *Store) setAside(name string) error {
	dir := path.Join(s.dir, asideDir)
	if err := s.fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(s.fs.Rename(name, path.Join(dir, path.Base(name))), syncDir(s.fs, dir))
}

// replaySegment writes what can be read of a segment into the engine.
func (l *loader) replaySegment(f *flusher, number uint64, found *segment) error {
	m := newMemory(rows{}, 0)
	now := l.latest()
	var batch wire.Batch
	for _, record := range found.records {
		if wire.Decode(record, &batch) != nil {
			found.damaged += int64(len(record)) // its sum is right, but it was never a batch
			continue
		}
		if !known(l.identities, batch.Instance).numbers.Has(batch.Sequence) {
			m.add(&batch, l.series, l.identities, now)
		}
	}
	b := l.engine.db.NewBatch()
	m.segment = number
	z := &freeze{m, m.encodeIdentities(), l.series.keys, l.series.saved}
	if _, err := f.write(b, z, &l.state); err != nil {
		return err
	}
	if found.header || found.damaged > 0 {
		if err := l.noteDamage(b, number, found, m); err != nil {
			return err
		}
	}
	l.series.saved = len(z.keys)
	if err := l.engine.apply(b); err != nil {
		return err
	}
	return b.Close()
}

// missingSegments describes the gaps between the segments that the database does not
// include. Segments are numbered without any.
func missingSegments(numbers []uint64, included uint64) (gaps []string) {
	next := included + 1
	for _, n := range numbers {
		if n > next {
			gaps = append(gaps, fmt.Sprintf("segments %016x to %016x are missing", next, n-1))
		}
		next = max(next, n+1)
	}
	return gaps
}

// noteGap remembers that segments are missing. How much they had is not known, nor when.
func (l *loader) noteGap(gap string) error {
	d := &damage{from: l.state.floor, to: l.now().UnixMilli()}
	b := l.engine.db.NewBatch()
	if err := l.remember(b, d); err != nil {
		return err
	}
	l.logger.Error("the journal is damaged", "directory", l.dir, "error", gap, "lost", d.describe())
	return l.engine.apply(b)
}

// remember adds a damage to a write.
func (l *loader) remember(b *pebble.Batch, d *damage) error {
	d.id = uint64(l.now().UnixNano())
	for l.damages[d.id] != nil {
		d.id++
	}
	l.damages[d.id] = d
	l.found = append(l.found, d)
	return b.Set(keyDamage(d.id), d.encode(), nil)
}

// noteDamage remembers what a segment lost. Its requests were probably about as old as
// those beside them.
func (l *loader) noteDamage(b *pebble.Batch, number uint64, found *segment, m *memory) error {
	name := path.Base(segmentName("", number))
	d := &damage{bytes: found.damaged, to: l.now().UnixMilli(), from: l.state.floor}
	if m.rows.len() > 0 {
		d.from, d.to = slices.Min(m.start), slices.Max(m.start)+1
	}
	lost := "nothing"
	if d.bytes > 0 {
		lost = d.describe()
		if err := l.remember(b, d); err != nil {
			return err
		}
	}
	l.logger.Error("a segment of the journal is damaged; what can be read of it was kept",
		"directory", l.dir, "file", name, "kept", fmt.Sprintf("%d batches", len(found.records)), "lost", lost, "copy", path.Join(asideDir, name))
	return nil
}
