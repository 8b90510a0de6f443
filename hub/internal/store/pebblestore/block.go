package pebblestore

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// blockLimit is the most rows in a block: enough for its list of users to weigh
// little, few enough for a ragged end to cost less than a millisecond.
const blockLimit = 1 << 16

// A block is requests sorted by start. Numbers are varints:
//
//	version    1
//	n          the number of rows
//	first      the instant of the first row or drop, Unix ms
//	span       the distance from there to the last
//	series     count, then the series in it, the most frequent first
//	users      the texts in it, the most frequent first: see appendTexts
//	instances  likewise
//	drops      count, then for each: series, at (Unix ms), count
//	columns    eight, in the order of the rows struct: start as packed distances,
//	           the others split; series, user and instance are places in the lists
//	           above; first byte is 0 or duration - first byte + 1
const blockVersion = 1

var errBlock = errors.New("pebblestore: corrupt block")

// blockWriter encodes blocks, keeping its scratch memory.
type blockWriter struct {
	columns
	texts  []byte
	deltas []int64
}

// append appends rows [from, to) of r, which are sorted by start, and the
// drops as a block, and returns its first instant.
func (w *blockWriter) append(dst []byte, r *rows, from, to int, drops []drop) ([]byte, int64) {
	n := to - from
	first, last := int64(math.MaxInt64), int64(0)
	if n > 0 {
		first, last = r.start[from], r.start[to-1]
	}
	for _, d := range drops {
		first, last = min(first, d.at), max(last, d.at)
	}
	dst = append(dst, blockVersion)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(first))
	dst = binary.AppendUvarint(dst, uint64(last-first))

	series, seriesPlaces := byFrequency(r.series[from:to])
	dst = binary.AppendUvarint(dst, uint64(len(series)))
	for _, id := range series {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	users, userPlaces := byFrequency(r.user[from:to])
	dst = w.appendTexts(dst, r.users, users)
	instances, instancePlaces := byFrequency(r.instance[from:to])
	dst = w.appendTexts(dst, r.instances, instances)
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
	return appendSplit(&w.columns, dst, instancePlaces), first
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
	for v, c := range counts {
		if c > 0 {
			distinct = append(distinct, uint32(v))
		}
	}
	slices.SortStableFunc(distinct, func(a, b uint32) int { return int(counts[b]) - int(counts[a]) })
	for p, v := range distinct {
		counts[v] = uint32(p)
	}
	places = make([]uint32, len(values))
	for i, v := range values {
		places[i] = counts[v]
	}
	return distinct, places
}

// appendTexts appends the texts that ids name: their lengths and bytes, compressed.
func (w *blockWriter) appendTexts(dst []byte, all []string, ids []uint32) []byte {
	w.texts = binary.AppendUvarint(w.texts[:0], uint64(len(ids)))
	for _, id := range ids {
		w.texts = binary.AppendUvarint(w.texts, uint64(len(all[id])))
	}
	for _, id := range ids {
		w.texts = append(w.texts, all[id]...)
	}
	return w.appendZipped(dst, w.texts)
}

// blockReader decodes blocks. Its rows are valid until the next.
type blockReader struct {
	columns
	rows
	list []uint32 // the block's series
	all  bool     // decode every column, not only start, series and duration
}

// endsBefore says whether all of a block's requests started before the instant. Of
// a block that is not sound it says no: reading it will tell.
func endsBefore(b []byte, instant int64) bool {
	c := cursor{b: b}
	version := c.byte()
	c.int(blockLimit)
	last := int64(c.uvarint() + c.uvarint())
	return !c.bad && version == blockVersion && last < instant
}

// read decodes a block, unless it ends before the instant: then it has no rows.
func (br *blockReader) read(b []byte, since int64) error {
	c := cursor{b: b}
	if c.byte() != blockVersion {
		return errBlock
	}
	n := c.int(blockLimit)
	first := c.uvarint()
	if last := int64(first + c.uvarint()); last < since && !c.bad {
		br.start, br.drops = br.start[:0], br.drops[:0]
		return nil
	}
	br.list = br.list[:0]
	for range c.int(blockLimit) {
		br.list = append(br.list, uint32(c.uvarint()))
	}
	users, instances := c.section(), c.section()
	br.drops = br.drops[:0]
	for range c.int(len(b)) {
		br.drops = append(br.drops, drop{uint32(c.uvarint()), int64(c.uvarint()), c.uvarint()})
	}
	var sections [8][]byte
	for i := range sections {
		sections[i] = c.section()
	}
	if c.bad || len(c.b) > 0 {
		return errBlock
	}
	var err error
	if br.start, err = br.readPacked(sections[0], n, br.start); err != nil {
		return err
	}
	at := int64(first)
	for i, d := range br.start {
		at += d
		br.start[i] = at
	}
	if br.series, err = readSplit(&br.columns, sections[1], n, br.series); err != nil {
		return err
	}
	for i, p := range br.series {
		if int(p) >= len(br.list) {
			return errBlock
		}
		br.series[i] = br.list[p]
	}
	if br.duration, err = readSplit(&br.columns, sections[2], n, br.duration); err != nil || !br.all {
		return err
	}
	if br.firstByte, err = readSplit(&br.columns, sections[3], n, br.firstByte); err != nil {
		return err
	}
	for i, d := range br.firstByte {
		if d != 0 {
			br.firstByte[i] = br.duration[i] - d + 1
		}
	}
	if br.lifetime, err = readSplit(&br.columns, sections[4], n, br.lifetime); err != nil {
		return err
	}
	if br.size, err = readSplit(&br.columns, sections[5], n, br.size); err != nil {
		return err
	}
	if br.user, br.users, err = br.readTexts(users, sections[6], n, br.user); err != nil {
		return err
	}
	br.instance, br.instances, err = br.readTexts(instances, sections[7], n, br.instance)
	return err
}

// readTexts decodes a list of texts and the column of places in it.
func (br *blockReader) readTexts(list, column []byte, n int, places []uint32) ([]uint32, []string, error) {
	b, err := zstdReader.DecodeAll(list, nil)
	if err != nil {
		return nil, nil, errBlock
	}
	c := cursor{b: b}
	lengths := make([]int, c.int(len(b)))
	for i := range lengths {
		lengths[i] = c.int(len(b))
	}
	all, at := string(c.b), 0
	texts := make([]string, len(lengths))
	for i, size := range lengths {
		if size > len(all)-at {
			return nil, nil, errBlock
		}
		texts[i] = all[at : at+size]
		at += size
	}
	places, err = readSplit(&br.columns, column, n, places)
	if err != nil || c.bad {
		return nil, nil, errBlock
	}
	for _, p := range places {
		if int(p) >= len(texts) {
			return nil, nil, errBlock
		}
	}
	return places, texts, nil
}

// cursor takes varints and sections off a slice. Once bad it gives zeros.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) int(limit int) int {
	v := c.uvarint()
	if v > uint64(limit) {
		c.bad, c.b = true, nil
		return 0
	}
	return int(v)
}

// section takes a number of bytes, after that number.
func (c *cursor) section() []byte {
	n := c.int(len(c.b))
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}
