package pebblestore

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/internal/hist"
)

// flusher turns a memory into a write for Pebble. It reuses its buffers.
type flusher struct {
	sorted rows
	blocks blockWriter
	value  []byte

	hists   []hist.Histogram // by series
	touched []uint32         // the series whose histogram is not empty
	page    []byte
	spans   [levelCount][]span
}

// span is the rows, [from, to), that lie in one span of a level.
type span struct {
	number   int64
	from, to int
}

// freeze is a memory and all else that is needed to write it to Pebble. It is immutable.
type freeze struct {
	*memory
	identities map[string][]byte // as they were when it was frozen
	keys       []rollup.Key      // all series
	saved      int               // this many of them are in Pebble
}

// write adds a frozen memory to the batch: series, blocks, pages, identities, and the
// state s, which it updates. It returns the spans of 5 minutes that it has pages of, in
// ascending order.
func (f *flusher) write(batch *pebble.Batch, z *freeze, s *state) (spans []int64, err error) {
	b := &entryWriter{batch: batch}
	f.sorted.gather(&z.rows, byStart(z.start))
	drops := slices.Clone(z.drops)
	slices.SortFunc(drops, func(a, b drop) int { return cmp.Compare(a.at, b.at) })
	for id := z.saved; id < len(z.keys); id++ {
		b.set(keySeries(uint32(id)), encodeSeries(&z.keys[id]))
	}
	f.writeBlocks(b, drops, s)
	f.writePages(b, s)
	writeDrops(b, drops, s)
	for i := range z.health {
		b.set(z.health[i].key, z.health[i].value)
	}
	for instance, id := range z.identities {
		b.set(keyIdentity(instance), id)
	}
	s.segment = z.segment
	b.set(keyState, s.encode())
	return f.touched5m(drops), b.err
}

// touched5m returns the spans of 5 minutes of the pages just written.
func (f *flusher) touched5m(drops []drop) []int64 {
	var spans []int64
	if f.sorted.len() > 0 {
		for _, w := range f.spans[level5m] {
			spans = append(spans, w.number)
		}
	}
	for _, d := range drops {
		spans = append(spans, levels[level5m].Span(d.at))
	}
	slices.Sort(spans)
	return slices.Compact(spans)
}

// entryWriter fills a batch and keeps the first error.
type entryWriter struct {
	batch *pebble.Batch
	err   error
}

func (w *entryWriter) set(key, value []byte) {
	w.err = cmp.Or(w.err, w.batch.Set(key, value, nil))
}

func (w *entryWriter) merge(key, page []byte) {
	w.err = cmp.Or(w.err, w.batch.Merge(key, page, nil))
}

// writeBlocks writes the rows as blocks of an hour or less, each with the
// hour's drops, and a block without rows for an hour that has drops only.
func (f *flusher) writeBlocks(b *entryWriter, drops []drop, s *state) {
	r := &f.sorted
	f.blocks.begin(r)
	for at := 0; at < r.len() || len(drops) > 0; {
		var hour int64
		switch {
		case at == r.len():
			hour = drops[0].at / hourMillis
		case len(drops) == 0:
			hour = r.start[at] / hourMillis
		default:
			hour = min(drops[0].at, r.start[at]) / hourMillis
		}
		end := (hour + 1) * hourMillis
		rowsTo, _ := slices.BinarySearch(r.start[at:], end)
		rowsTo = at + min(rowsTo, blockLimit)
		dropsTo := 0
		for dropsTo < len(drops) && drops[dropsTo].at < end {
			dropsTo++
		}
		var first int64
		f.value, first = f.blocks.append(f.value[:0], at, rowsTo, drops[:dropsTo])
		s.number++
		b.set(keyBlock(first, s.number), f.value)
		at, drops = rowsTo, drops[dropsTo:]
	}
}

// writePages merges a page of each level into every span touched.
func (f *flusher) writePages(b *entryWriter, s *state) {
	r := &f.sorted
	if r.len() == 0 {
		return
	}
	f.growFor(r.series)
	for level := range levels {
		f.split(level, s.floor10s)
	}
	// From the finest on: a span that has the same rows as a finer one, as most do when
	// all of them came within a second, has the same page.
	type kept struct {
		span
		page []byte
	}
	var finer []kept
	for level := range levels {
		var pages []kept
		at := 0
		for _, w := range f.spans[level] {
			for at < len(finer) && finer[at].from < w.from {
				at++
			}
			var page []byte
			if at < len(finer) && finer[at].from == w.from && finer[at].to == w.to {
				page = finer[at].page
			} else {
				page = slices.Clone(f.roll(w.from, w.to))
			}
			pages = append(pages, kept{w, page})
			b.merge(keyPage(level, w.number), page)
		}
		finer = pages
	}
}

// growFor makes room for the histograms of these series.
func (f *flusher) growFor(series []uint32) {
	if len(series) == 0 {
		return
	}
	if n := int(slices.Max(series)) + 1; n > len(f.hists) {
		f.hists = append(f.hists, make([]hist.Histogram, n-len(f.hists))...)
	}
}

// split finds the spans of a level.
func (f *flusher) split(level int, floor10s int64) {
	spans := f.spans[level][:0]
	r := levels[level]
	start := f.sorted.start
	for from := 0; from < len(start); {
		number := r.Span(start[from])
		n, _ := slices.BinarySearch(start[from:], r.Start(number+1))
		if level != level10s || r.Start(number) >= floor10s {
			spans = append(spans, span{number, from, from + n})
		}
		from += n
	}
	f.spans[level] = spans
}

// roll returns the page of rows [from, to), valid until the next call.
func (f *flusher) roll(from, to int) []byte {
	f.touched = f.touched[:0]
	duration := f.sorted.duration[from:to]
	for i, id := range f.sorted.series[from:to] {
		h := &f.hists[id]
		if h.Count() == 0 {
			f.touched = append(f.touched, id)
		}
		h.Record(duration[i])
	}
	slices.Sort(f.touched)
	f.page = f.page[:0]
	previous := uint32(0)
	for _, id := range f.touched {
		f.value = f.hists[id].AppendBinary(f.value[:0])
		f.page = page.Append(f.page, previous, id, false, f.value)
		f.hists[id].Reset()
		previous = id
	}
	return f.page
}

// appendDrops appends a page that has nothing but dropped requests.
func appendDrops(b []byte, d drop) []byte {
	return page.Append(b, 0, d.series, true, binary.AppendUvarint(nil, d.count))
}

// writeDrops merges the counts of dropped requests into their spans' pages.
func writeDrops(b *entryWriter, drops []drop, s *state) {
	for _, d := range drops {
		entry := appendDrops(nil, d)
		for level, r := range levels {
			number := r.Span(d.at)
			if level != level10s || r.Start(number) >= s.floor10s {
				b.merge(keyPage(level, number), entry)
			}
		}
	}
}
