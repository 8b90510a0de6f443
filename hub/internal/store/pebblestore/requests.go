package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Requests yields the requests in the query's window, ordered by start.
func (s *Store) Requests(ctx context.Context, q store.Query) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		v, err := s.view(q)
		if err != nil {
			yield(nil, err)
			return
		}
		m := merge{view: v}
		err = m.run(ctx, yield)
		if err = errors.Join(err, v.close()); err != nil {
			yield(nil, err)
		}
	}
}

// merge yields the rows of memory and of the blocks in the order of their
// start. Blocks that came from different flushes may overlap: each is opened
// when its first start is reached, so that only those that do are open at once.
type merge struct {
	*view
	open []*source
	free []*blockReader
}

// source is rows that the query asks for.
type source struct {
	rows   *rows
	order  []uint32 // places of the rows that are left, by start
	reader *blockReader
}

func (s *source) start() int64 { return s.rows.start[s.order[0]] }

// run returns an error unless it was already yielded or yielding was stopped.
func (m *merge) run(ctx context.Context, yield func(*store.Record, error) bool) error {
	w := m.query.Window
	if w.From >= w.To {
		return nil
	}
	for i := range m.memory {
		m.add(&m.memory[i], nil)
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
				m.free = append(m.free, src.reader)
			}
		}
		if !yield(&record, nil) {
			return nil
		}
	}
	return m.blocks.Error()
}

// first returns the place of the open source with the least start, -1 if none is open.
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
	if err != nil {
		return err
	}
	reader := &blockReader{all: true}
	if n := len(m.free); n > 0 {
		reader, m.free = m.free[n-1], m.free[:n-1]
	}
	if err := reader.read(block, m.query.From); err != nil {
		return err
	}
	if !m.add(&reader.rows, reader) {
		m.free = append(m.free, reader)
	}
	return nil
}

// add opens a source for the rows that the query asks for; false if there are none.
// No others are sorted: memory has many, of which a query for seconds wants few.
func (m *merge) add(r *rows, reader *blockReader) bool {
	var places []uint32
	var starts []int64
	for i, start := range r.start {
		if m.query.Contains(start) && m.wanted[r.series[i]] {
			places, starts = append(places, uint32(i)), append(starts, start)
		}
	}
	if len(places) == 0 {
		return false
	}
	order := byStart(starts)
	for k, i := range order {
		order[k] = places[i]
	}
	m.open = append(m.open, &source{r, order, reader})
	return true
}

func blockStart(key []byte) int64 { return int64(binary.BigEndian.Uint64(key[5:])) }
