package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/internal/hist"
)

// repager makes pages again: the short ones from the blocks, the long ones from the
// next shorter ones.
type repager struct {
	batch *pebble.Batch // indexed, so that a page may be made from one that was just made
	state state
	flusher
	reader blockReader
}

// spansBetween returns which spans of a level have keys in [lower, upper).
func spansBetween(level int, lower, upper []byte) (first, end int64) {
	place := func(key []byte) int64 {
		head := keyPage(level, 0)[:2]
		switch bytes.Compare(key[:min(len(key), 2)], head) {
		case -1:
			return 0
		case 1:
			return math.MaxInt64
		}
		var number [8]byte
		copy(number[:], key[2:])
		n := int64(binary.BigEndian.Uint64(number[:]))
		if len(key) > 2+8 {
			n++
		}
		return n
	}
	return place(lower), place(upper)
}

// hours returns the first hour that has blocks, and the one after the last.
func (r *repager) hours() (from, end int64, err error) {
	it, err := r.batch.NewIter(prefixed(prefixBlock))
	if err != nil {
		return 0, 0, err
	}
	if it.First() {
		from = blockStart(it.Key()) / hourMillis
	}
	if it.Last() {
		end = blockStart(it.Key())/hourMillis + 1
	}
	return max(from, r.state.floor/hourMillis), end, errors.Join(it.Error(), it.Close())
}

// between makes the pages of all levels whose keys are in [lower, upper).
func (r *repager) between(lower, upper []byte) error {
	hourFrom, hourEnd, err := r.hours()
	if err != nil {
		return err
	}
	for level, length := range levels {
		first, end := spansBetween(level, lower, upper)
		first = max(first, length.Span(hourFrom*hourMillis))
		end = min(end, length.Span(hourEnd*hourMillis-1)+1)
		if level == level10s {
			first = max(first, length.Span(r.state.floor10s+int64(length)-1))
		}
		if first >= end {
			continue
		}
		if level <= level5m {
			err = r.short(level, first, end)
		} else {
			err = r.long(level, first, end)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// long makes the pages of spans [first, end) from those of the level below.
func (r *repager) long(level int, first, end int64) error {
	for n := first; n < end; n++ {
		below := levels[level-1]
		it, err := r.batch.NewIter(&pebble.IterOptions{
			LowerBound: keyPage(level-1, below.Span(levels[level].Start(n))),
			UpperBound: keyPage(level-1, below.Span(levels[level].Start(n+1))),
		})
		if err != nil {
			return err
		}
		var parts [][]byte
		for more := it.First(); more; more = it.Next() {
			parts = append(parts, bytes.Clone(it.Value()))
		}
		if err := errors.Join(it.Error(), it.Close()); err != nil {
			return err
		}
		if err := r.put(level, n, parts); err != nil {
			return err
		}
	}
	return nil
}

func (r *repager) put(level int, span int64, parts [][]byte) error {
	if len(parts) == 0 {
		return nil
	}
	whole, err := page.Merge(parts)
	if err != nil {
		return err
	}
	return r.batch.Set(keyPage(level, span), whole, nil)
}

// short makes the pages of spans [first, end), which are no longer than an hour, from the
// blocks.
func (r *repager) short(level int, first, end int64) error {
	length := levels[level]
	for hour := length.Start(first) / hourMillis; hour*hourMillis < length.Start(end); hour++ {
		drops, err := r.readHour(hour)
		if err != nil {
			return err
		}
		parts := make(map[int64][][]byte)
		r.split(level, math.MinInt64)
		for _, w := range r.spans[level] {
			parts[w.number] = append(parts[w.number], slices.Clone(r.roll(w.from, w.to)))
		}
		for _, d := range drops {
			n := length.Span(d.at)
			parts[n] = append(parts[n], appendDrops(nil, d))
		}
		for n, p := range parts {
			if n < first || n >= end {
				continue
			}
			if err := r.put(level, n, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// readHour reads the requests of an hour, as far as pages have them, sorted by start.
func (r *repager) readHour(hour int64) (drops []drop, err error) {
	it, err := r.batch.NewIter(&pebble.IterOptions{LowerBound: keyHour(hour), UpperBound: keyHour(hour + 1)})
	if err != nil {
		return nil, err
	}
	var all rows
	for more := it.First(); more && err == nil; more = it.Next() {
		if err = r.reader.open(it.Value()); err == nil {
			err = errors.Join(r.reader.read(), r.reader.durations())
		}
		all.start = append(all.start, r.reader.start...)
		all.series = append(all.series, r.reader.series...)
		all.duration = append(all.duration, r.reader.duration...)
		drops = append(drops, r.reader.drops...)
	}
	if err := errors.Join(err, it.Error(), it.Close()); err != nil {
		return nil, err
	}
	order := byStart(all.start)
	r.sorted.start, r.sorted.series, r.sorted.duration = resize(r.sorted.start, len(order)), resize(r.sorted.series, len(order)), resize(r.sorted.duration, len(order))
	for k, i := range order {
		r.sorted.start[k], r.sorted.series[k], r.sorted.duration[k] = all.start[i], all.series[i], all.duration[i]
	}
	r.growFor(all.series)
	return drops, nil
}

// missing compares the pages of hours [from, end) with the blocks: it returns how many
// requests only the pages have, and from when to when (Unix ms) the hours are that have
// such. Of an hour in which the floor is, only the pages are complete.
func (r *repager) missing(from, end int64) (requests uint64, first, last int64, err error) {
	it, err := r.batch.NewIter(&pebble.IterOptions{LowerBound: keyPage(level1h, from), UpperBound: keyPage(level1h, end)})
	if err != nil {
		return 0, 0, 0, err
	}
	for more := it.First(); more && err == nil; more = it.Next() {
		hour, _ := spansBetween(level1h, it.Key(), nil)
		if hour*hourMillis < r.state.floor {
			continue
		}
		var paged, kept uint64
		if paged, err = pageCount(it.Value()); err == nil {
			kept, err = r.blockCount(hour)
		}
		if paged <= kept {
			continue
		}
		if requests == 0 {
			first = hour * hourMillis
		}
		requests, last = requests+paged-kept, (hour+1)*hourMillis
	}
	return requests, first, last, errors.Join(err, it.Error(), it.Close())
}

// blockCount returns how many requests the blocks of an hour have.
func (r *repager) blockCount(hour int64) (n uint64, err error) {
	it, err := r.batch.NewIter(&pebble.IterOptions{LowerBound: keyHour(hour), UpperBound: keyHour(hour + 1)})
	if err != nil {
		return 0, err
	}
	for more := it.First(); more && err == nil; more = it.Next() {
		err = r.reader.open(it.Value())
		n += uint64(r.reader.n)
	}
	return n, errors.Join(err, it.Error(), it.Close())
}

// pageCount returns how many requests a page counts.
func pageCount(b []byte) (n uint64, err error) {
	for e := page.Read(b); ; {
		if !e.Next() {
			if e.Corrupt() {
				err = page.ErrCorrupt
			}
			return n, err
		}
		if e.Drops {
			continue
		}
		var h hist.Histogram
		if _, err := h.Decode(e.Value); err != nil {
			return n, err
		}
		n += h.Count()
	}
}
