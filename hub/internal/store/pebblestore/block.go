package pebblestore

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/kymohq/kymo/internal/wire"
)

// blockLimit is the maximum number of rows in a block: large enough for its list of
// users to weigh little, small enough to decode in less than a millisecond at the
// ragged end of a window.
const blockLimit = 1 << 16

// A block is requests sorted by start. Numbers are varints:
//
//	version    3, or 2 if nothing follows the columns
//	n          the number of rows
//	first      the instant of the first row or drop, Unix ms
//	span       the distance from there to the last
//	series     count, then the block's series, the most frequent first
//	users      the block's users, the most frequent first: see appendTexts
//	processes  likewise, as processText writes them
//	drops      count, then for each: series, at (Unix ms), count
//	columns    eight, in the order of the rows struct: start as packed distances,
//	           process packed, because consecutive rows often have the same one, the
//	           others split; series, user and process are indexes of the lists above;
//	           first byte is 0, or duration - first byte + 1
//	parts      bits of what follows
//	classes    if bit 0 is set: a list like users, and a split column of indexes
//	traces     if bit 1 is set: 16 bytes for each row, compressed, after their length
//
// In version 1 the lists of texts are in another form, and process is split.
const (
	blockVersion1 = 1
	blockVersion2 = 2
	blockVersion3 = 3
)

// The parts that only some blocks have.
const (
	partClasses = 1 << iota
	partTraces

	partsKnown = partClasses | partTraces
)

var errBlock = errors.New("pebblestore: corrupt block")

// blockWriter encodes blocks: begin takes the rows, and append encodes some of them. It
// reuses its buffers.
type blockWriter struct {
	columns
	rows                      *rows
	users, processes, classes ordered
	heads, tails              []byte
	deltas                    []int64
}

// begin takes rows, which are sorted by start, to be encoded.
func (w *blockWriter) begin(r *rows) {
	w.rows = r
	w.users.sort(r.users)
	w.processes.sort(r.processes)
	w.classes.sort(r.classes)
}

// append appends rows [from, to) and the drops as a block, and returns its first instant.
func (w *blockWriter) append(dst []byte, from, to int, drops []drop) ([]byte, int64) {
	r, n := w.rows, to-from
	first, last := int64(math.MaxInt64), int64(0)
	if n > 0 {
		first, last = r.start[from], r.start[to-1]
	}
	for _, d := range drops {
		first, last = min(first, d.at), max(last, d.at)
	}
	parts := r.partsOf(from, to)
	if parts == 0 {
		dst = append(dst, blockVersion2)
	} else {
		dst = append(dst, blockVersion3)
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(first))
	dst = binary.AppendUvarint(dst, uint64(last-first))

	series, seriesPlaces := byFrequency(r.series[from:to])
	dst = binary.AppendUvarint(dst, uint64(len(series)))
	for _, id := range series {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	dst, userPlaces := w.appendTexts(dst, &w.users, r.user[from:to])
	dst, processPlaces := w.appendTexts(dst, &w.processes, r.process[from:to])
	dst = binary.AppendUvarint(dst, uint64(len(drops)))
	for _, d := range drops {
		dst = binary.AppendUvarint(dst, uint64(d.series))
		dst = binary.AppendUvarint(dst, uint64(d.at))
		dst = binary.AppendUvarint(dst, d.count)
	}

	w.deltas = resize(w.deltas, n)
	at := first
	for i := range n {
		w.deltas[i] = r.start[from+i] - at
		at = r.start[from+i]
	}
	dst = w.appendPacked(dst, w.deltas)
	dst = appendSplit(&w.columns, dst, seriesPlaces)
	dst = appendSplit(&w.columns, dst, r.duration[from:to])
	for i := range n {
		w.deltas[i] = 0
		if fb := r.firstByte[from+i]; fb != 0 {
			w.deltas[i] = r.duration[from+i] - fb + 1
		}
	}
	dst = appendSplit(&w.columns, dst, w.deltas)
	dst = appendSplit(&w.columns, dst, r.lifetime[from:to])
	dst = appendSplit(&w.columns, dst, r.size[from:to])
	dst = appendSplit(&w.columns, dst, userPlaces)
	for i, p := range processPlaces {
		w.deltas[i] = int64(p)
	}
	dst = w.appendPacked(dst, w.deltas)
	if parts != 0 {
		dst = w.appendParts(append(dst, parts), parts, from, to)
	}
	return dst, first
}

// partsOf returns which parts a block of rows [from, to) has.
func (r *rows) partsOf(from, to int) (parts byte) {
	some := func(class uint32) bool { return class != 0 }
	if from < len(r.class) && slices.ContainsFunc(r.class[from:min(to, len(r.class))], some) {
		parts |= partClasses
	}
	traced := func(id wire.TraceID) bool { return id != wire.TraceID{} }
	if from < len(r.trace) && slices.ContainsFunc(r.trace[from:min(to, len(r.trace))], traced) {
		parts |= partTraces
	}
	return parts
}

func (w *blockWriter) appendParts(dst []byte, parts byte, from, to int) []byte {
	r := w.rows
	if parts&partClasses != 0 {
		var places []uint32
		r.class = padded(r.class, max(to, len(r.class)))
		dst, places = w.appendTexts(dst, &w.classes, r.class[from:to])
		dst = appendSplit(&w.columns, dst, places)
	}
	if parts&partTraces != 0 {
		r.trace = padded(r.trace, max(to, len(r.trace)))
		w.plane = w.plane[:0]
		for i := range r.trace[from:to] {
			w.plane = append(w.plane, r.trace[from+i][:]...)
		}
		dst = w.appendZipped(dst, w.plane)
	}
	return dst
}

// byFrequency returns the distinct values, the most frequent first, and for
// each value its place among them.
func byFrequency(values []uint32) (distinct, places []uint32) {
	if len(values) == 0 {
		return nil, nil
	}
	counts := make([]uint32, slices.Max(values)+1)
	for _, v := range values {
		counts[v]++
	}
	var ranked []uint64 // with the complement of the count in the upper half
	for v, c := range counts {
		if c > 0 {
			ranked = append(ranked, uint64(^c)<<32|uint64(v))
		}
	}
	slices.Sort(ranked)
	distinct = make([]uint32, len(ranked))
	for p, r := range ranked {
		distinct[p] = uint32(r)
		counts[uint32(r)] = uint32(p)
	}
	places = make([]uint32, len(values))
	for i, v := range values {
		places[i] = counts[v]
	}
	return distinct, places
}
