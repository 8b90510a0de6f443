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
// many bytes of the newest segment count. What lies before floor is forgotten first,
// which gives back the room that the replay may need.
func (s *Store) load(valid, floor int64) error {
	if s.engine == nil {
		if _, err := s.fs.Stat(path.Join(s.dir, databaseDir)); err == nil {
			// Without any table there is nothing to lose: the first start was cut short.
			if _, err := s.listTables(); err != nil && !errors.Is(err, pebble.ErrDBDoesNotExist) {
				return err
			}
		}
	}
	e, err := openEngine(s.fs, path.Join(s.dir, databaseDir), s.cache, s.ends, s.maxTable())
	if err != nil {
		return err
	}
	l := s.loader(e)
	err = l.read()
	if err == nil && floor > l.state.floor {
		err = l.forget(floor)
	}
	if err == nil {
		// Files that are in no use any more give back their room in the background.
		err = e.attempt(func() error { e.db.TestOnlyWaitForCleaning(); return nil })
	}
	if err == nil {
		err = l.replay(valid)
	}
	if err != nil {
		e.die(err)
		e.fence.drain()
		e.fence.removeDrafts()
		s.retire(e)
		return err
	}
	e.fence.limit(s.checkRoom)
	e.compact.allow()
	l.use(newMemory(rows{}, 0), l.state.segment)
	return nil
}

// loadFull opens the database for reading alone, and reads what only the journal has
// into memory, as if it had just come. Neither needs any room on a disk that has none:
// cause is the error that said so. The committer opens another engine once there is room.
func (s *Store) loadFull(cause error) error {
	e := newEngine(s.fs)
	e.ends = s.ends
	if err := e.openListed(path.Join(s.dir, databaseDir), s.cache, true); err != nil {
		return errors.Join(cause, err)
	}
	l := s.loader(e)
	m := newMemory(rows{}, 0)
	last := uint64(0)
	err := l.read()
	if err == nil {
		last, err = l.collect(m)
	}
	e.die(cause)
	if err != nil {
		s.retire(e)
		return errors.Join(cause, err)
	}
	l.use(m, last)
	return nil
}

// collect adds all segments that are not in the engine to a memory, and returns the
// number of the last.
func (l *loader) collect(m *memory) (last uint64, err error) {
	found, err := l.segments(math.MaxInt64)
	if err != nil {
		return 0, err
	}
	last = l.state.segment
	for i := range found {
		l.add(m, found[i].parse())
		last = found[i].number
	}
	return last, nil
}

// use makes an engine the store's, and m its memory. The journal goes on after a segment.
func (l *loader) use(m *memory, segment uint64) {
	s := l.Store
	s.journal = journal{fs: s.fs, dir: l.journalDir(), number: segment, valid: math.MaxInt64}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine != nil {
		s.retire(s.engine)
	}
	s.forgot = 0
	s.engine, s.series, s.identities, s.damages, s.state = l.engine, l.series, l.identities, l.damages, l.state
	s.lostNow = append(s.lostNow, l.found...)
	s.recent, s.frozen = m, nil
}

// retire closes an engine that is no longer in use, without waiting for it.
func (s *Store) retire(e *engine) { s.retired.Go(func() { _ = e.close() }) }

func (s *Store) loader(e *engine) *loader {
	return &loader{Store: s, engine: e, series: newSeriesTable(), identities: make(map[string]*identity), damages: make(map[uint64]*damage)}
}

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

// unread is a segment that is not in the engine.
type unread struct {
	number  uint64
	content []byte
	end     int64 // how many bytes count
}

func (u *unread) parse() *segment {
	found := parseSegment(u.content, u.end)
	u.content = nil
	return &found
}

func (s *Store) journalDir() string { return path.Join(s.dir, journalDir) }

// segments reads the segments that are not in the engine. valid is how many bytes of the
// newest count.
func (l *loader) segments(valid int64) (found []unread, err error) {
	numbers, err := segments(l.fs, l.journalDir())
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		content, err := readFile(l.fs, segmentName(l.journalDir(), number))
		if err != nil {
			return nil, err
		}
		// Each segment's header records how much of the previous one counts.
		if n := len(found); n > 0 {
			found[n-1].end = previousEnd(content)
		}
		if number > l.state.segment {
			found = append(found, unread{number, content, valid})
		}
	}
	return found, nil
}

// replayBytes is how much of the journal is replayed before it is made durable in the
// engine, so that its segments give back their room to those that follow.
const replayBytes = 256 << 10

// replay writes the segments that are not in the engine into it, and removes those that
// it has, once they are durable there.
func (l *loader) replay(valid int64) error {
	all, err := segments(l.fs, l.journalDir())
	if err != nil {
		return err
	}
	found, err := l.segments(valid)
	if err != nil {
		return err
	}
	for _, gap := range missingSegments(all, l.state.segment) {
		if err := l.noteGap(gap); err != nil {
			return err
		}
	}
	aside := make(map[uint64]bool)
	var f flusher
	waiting := 0 // bytes that are not durable in the engine
	for i := range found {
		waiting += len(found[i].content)
		number, content := found[i].number, found[i].parse()
		if err := l.replaySegment(&f, number, content); err != nil {
			return err
		}
		aside[number] = content.header || content.damaged > 0
		if waiting < replayBytes && i+1 < len(found) {
			continue
		}
		waiting = 0
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.removeThrough(number, aside); err != nil {
			return err
		}
	}
	if err := l.flush(); err != nil { // a gap may have been noted
		return err
	}
	return l.removeThrough(l.state.segment, aside)
}

// flush makes what was written durable. A table that it could not complete is removed when
// the engine is given up.
func (l *loader) flush() error {
	if err := l.engine.flush(); err != nil {
		return fmt.Errorf("%w: %w", errUnwritten, err)
	}
	l.engine.fence.keep()
	return nil
}

// errUnwritten means that the disk does not take what the engine wrote.
var errUnwritten = errors.New("write the database")

// removeThrough removes the segments up to and including a number, or sets them aside.
func (l *loader) removeThrough(number uint64, aside map[uint64]bool) error {
	numbers, err := segments(l.fs, l.journalDir())
	if err != nil {
		return err
	}
	for _, n := range numbers {
		remove := l.fs.Remove
		if aside[n] {
			remove = l.setAside
		}
		if n > number {
			break
		}
		if err := remove(segmentName(l.journalDir(), n)); err != nil {
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
	l.add(m, found)
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

// add adds what can be read of a segment to a memory, but for what lies before the floor.
func (l *loader) add(m *memory, found *segment) {
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
	m.forget(l.state.floor)
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
