package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Requests yields the requests in the query's window, ordered by start.
func (s *Store) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		reread(ctx, s, yield, func(yield func(*store.Record, error) bool) error {
			v, err := s.view(q.Window, q.Filter)
			if err != nil {
				return err
			}
			m := merge{view: v, query: &q}
			err = m.run(ctx, yield)
			return errors.Join(err, v.close())
		})
	}
}

// merge yields the rows of memory and of the blocks in the order of their start. Blocks
// of different flushes may overlap. Each is opened when its first start is reached, so
// that only blocks that overlap are open at the same time.
type merge struct {
	*view
	query *store.RequestQuery
	open  []*source
}

// source is the rows of memory or of one block that the query selects.
type source struct {
	rows   *rows
	order  []uint32 // places of the remaining rows, by start
	reader *blockReader
}

func (s *source) start() int64 { return s.rows.start[s.order[0]] }

// run merges until the end, an error, or until the caller wants no more. It returns
// only errors that were not yielded.
func (m *merge) run(ctx context.Context, yield func(*store.Record, error) bool) error {
	w := m.window
	if w.From >= w.To {
		return nil
	}
	for i := range m.memory {
		m.addMemory(&m.memory[i])
	}
	m.blocks.SetBounds(keyHour(w.From/hourMillis), keyBlock(w.To, 0))
	more := m.blocks.First()
	for more || len(m.open) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := m.first()
		if more && (next < 0 || blockStart(m.blocks.Key()) <= m.open[next].start()) {
			if err := m.openBlock(); err != nil {
				return err
			}
			more = m.blocks.Next()
			continue
		}
		if next < 0 {
			break
		}
		src := m.open[next]
		record := src.rows.record(int(src.order[0]), m.keys)
		if src.order = src.order[1:]; len(src.order) == 0 {
			m.open = append(m.open[:next], m.open[next+1:]...)
			if src.reader != nil {
				readers.Put(src.reader)
			}
		}
		if !yield(&record, nil) {
			return nil
		}
	}
	return m.blocks.Error()
}

// first returns the index of the open source with the earliest start, or -1 if none is
// open.
func (m *merge) first() int {
	least := -1
	for i, s := range m.open {
		if least < 0 || s.start() < m.open[least].start() {
			least = i
		}
	}
	return least
}

func (m *merge) openBlock() error {
	block, err := m.blocks.ValueAndErr()
	if err != nil || endsBefore(block, m.window.From) {
		return err
	}
	reader := readers.Get().(*blockReader)
	if err := reader.open(block); err != nil {
		return err
	}
	if err := reader.read(); err != nil {
		return err
	}
	places, err := m.picked(reader)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		readers.Put(reader)
		return nil
	}
	if err := reader.pick(places); err != nil {
		return err
	}
	m.open = append(m.open, &source{&reader.rows, byStart(reader.start), reader})
	return nil
}

// picked returns the places of the block's rows that the query selects. It filters by
// user last, since users are the largest part of a block.
func (m *merge) picked(r *blockReader) ([]uint32, error) {
	places, err := m.places(&r.rows), error(nil)
	if m.query.MinDuration > 0 && len(places) > 0 {
		places, err = r.lasting(int64(m.query.MinDuration), places)
	}
	if m.query.User != "" && len(places) > 0 && err == nil {
		places, err = r.of(m.query.User, places)
	}
	return places, err
}

// readers reuses the megabytes that a decoded block takes.
var readers = sync.Pool{New: func() any { return new(blockReader) }}

// addMemory opens a source for the rows of memory that the query selects, and sorts only
// these: memory has many, and a query over seconds selects few.
func (m *merge) addMemory(r *rows) {
	q := m.query
	places := slices.DeleteFunc(m.places(r), func(i uint32) bool {
		return r.duration[i] < int64(q.MinDuration) || q.User != "" && r.users[r.user[i]] != q.User
	})
	if len(places) == 0 {
		return
	}
	starts := make([]int64, len(places))
	for k, i := range places {
		starts[k] = r.start[i]
	}
	order := byStart(starts)
	for k, i := range order {
		order[k] = places[i]
	}
	m.open = append(m.open, &source{r, order, nil})
}

// places returns the places of the rows whose start and series the query selects.
func (m *merge) places(r *rows) []uint32 {
	var places []uint32
	for i, start := range r.start {
		if m.window.Contains(start) && m.wanted[r.series[i]] {
			places = append(places, uint32(i))
		}
	}
	return places
}

func blockStart(key []byte) int64 { return int64(binary.BigEndian.Uint64(key[5:])) }
