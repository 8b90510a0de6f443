package pebblestore

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"
)

// A column of n numbers is stored in one of these forms, after its length in
// bytes as a varint:
//
//	zeros   length 0: every number is 0
//	split   for numbers of many magnitudes, such as durations: the bit length of
//	        each number as a byte, all of them compressed, then the bits below
//	        the leading one of each, packed. Nearly all of the redundancy is in the
//	        bit lengths, so the other bits are not compressed.
//	packed  for numbers that repeat, such as the distances between starts: varints,
//	        compressed
//
// The compressed part of a split column follows its length as a varint.

// maxSplitBits is the bit length of the longest number in a split column. With up to 7
// bits of another number before it in its first byte, it still fits one load of 8 bytes.
const maxSplitBits = 58

var errColumn = errors.New("pebblestore: corrupt column")

var (
	zstdWriter = must(zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20)))
	// What is compressed is at most a list of texts of version 1, with a length of two bytes
	// for each: damage cannot take more memory.
	zstdReader = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxTexts+2*blockLimit+16)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// columns encodes and decodes columns. It reuses its buffers.
type columns struct {
	plane   []byte
	packed  []byte
	zipped  []byte
	numbers []int64
	huff    huff0.Scratch
}

// appendSplit appends the column in the split form.
func appendSplit[T int64 | uint32](c *columns, dst []byte, values []T) []byte {
	var all uint64
	c.plane = c.plane[:0]
	w := bitWriter{b: c.packed[:0]}
	for _, v := range values {
		n := bits.Len64(uint64(v))
		all |= uint64(v)
		c.plane = append(c.plane, byte(n))
		if n > 1 {
			w.put(uint64(v)&(1<<(n-1)-1), uint(n-1))
		}
	}
	if all == 0 {
		return append(dst, 0)
	}
	c.packed = w.flush()
	c.zipped = c.appendPlane(c.zipped[:0])
	head := binary.AppendUvarint(nil, uint64(len(c.zipped)))
	dst = binary.AppendUvarint(dst, uint64(len(head)+len(c.zipped)+len(c.packed)))
	dst = append(dst, head...)
	dst = append(dst, c.zipped...)
	return append(dst, c.packed...)
}

// readSplit decodes n numbers from a column's bytes into dst.
func readSplit[T int64 | uint32](c *columns, column []byte, n int, dst []T) ([]T, error) {
	dst = resize(dst, n)
	packed, err := c.openSplit(column, n)
	if err != nil {
		return nil, err
	}
	bit := uint(0)
	for i, length := range c.plane {
		if length < 2 {
			dst[i] = T(length)
			continue
		}
		low := uint(length - 1)
		dst[i] = T(1<<low | load64(packed, bit>>3)>>(bit&7)&(1<<low-1))
		bit += low
	}
	return dst, nil
}

// pickSplit decodes the numbers at the places, which are sorted, of a column of n.
func pickSplit[T int64 | uint32](c *columns, column []byte, n int, places []uint32, dst []T) ([]T, error) {
	dst = resize(dst, len(places))
	packed, err := c.openSplit(column, n)
	if err != nil {
		return nil, err
	}
	bit, next := uint(0), 0
	for k, place := range places {
		bit += lowBits(c.plane[next:place])
		next = int(place)
		length := c.plane[place]
		if length < 2 {
			dst[k] = T(length)
			continue
		}
		low := uint(length - 1)
		dst[k] = T(1<<low | load64(packed, bit>>3)>>(bit&7)&(1<<low-1))
	}
	return dst, nil
}

// openSplit decodes the bit lengths of a split column into c.plane, and returns the
// packed bits, whose number it has checked against the lengths.
func (c *columns) openSplit(column []byte, n int) (packed []byte, err error) {
	if len(column) == 0 { // zeros, of no bits
		c.plane = resize(c.plane, n)
		clear(c.plane)
		return nil, nil
	}
	size, at := binary.Uvarint(column)
	if at <= 0 || size > uint64(len(column)-at) {
		return nil, errColumn
	}
	packed = column[at+int(size):]
	if err := c.readPlane(column[at:at+int(size)], n); err != nil {
		return nil, err
	}
	if lowBits(c.plane) > uint(len(packed))*8 {
		return nil, errColumn
	}
	return packed, nil
}

// lowBits returns how many packed bits numbers of these lengths have. If a length is too
// large, the result is larger than that of any column.
func lowBits(lengths []byte) (n uint) {
	for _, length := range lengths {
		n += packedBits[length]
	}
	return n
}

// packedBits has the number of packed bits by bit length.
var packedBits = func() (bits [256]uint) {
	for length := range bits {
		bits[length] = uint(max(length, 1) - 1)
		if length > maxSplitBits {
			bits[length] = 1 << 40
		}
	}
	return bits
}()

// The forms of a plane of bit lengths, in its first byte.
const (
	planeRaw      = 0 // the bytes follow
	planeRepeated = 1 // all bytes are the one that follows
	planeHuffman  = 2 // huff0's table and four streams follow
)

// appendPlane appends c.plane with a Huffman code alone: bit lengths have no repeated
// runs, and searching for those is what a general compressor spends its time on.
func (c *columns) appendPlane(dst []byte) []byte {
	c.huff.Reuse = huff0.ReusePolicyNone
	coded, _, err := huff0.Compress4X(c.plane, &c.huff)
	switch {
	case err == nil:
		return append(append(dst, planeHuffman), coded...)
	case errors.Is(err, huff0.ErrUseRLE):
		return append(dst, planeRepeated, c.plane[0])
	}
	return append(append(dst, planeRaw), c.plane...)
}

// readPlane decodes n bytes into c.plane.
func (c *columns) readPlane(b []byte, n int) error {
	if len(b) < 2 {
		return errColumn
	}
	form, b := b[0], b[1:]
	c.plane = resize(c.plane, n)
	switch {
	case form == planeRaw && len(b) == n:
		copy(c.plane, b)
	case form == planeRepeated && len(b) == 1:
		for i := range c.plane {
			c.plane[i] = b[0]
		}
	case form == planeHuffman:
		table, rest, err := huff0.ReadTable(b, &c.huff)
		if err != nil {
			return errColumn
		}
		plane, err := table.Decoder().Decompress4X(c.plane[:0:n], rest)
		if err != nil || len(plane) != n {
			return errColumn
		}
		c.plane = plane
	default:
		return errColumn
	}
	return nil
}

// appendPacked appends the column in the packed form.
func (c *columns) appendPacked(dst []byte, values []int64) []byte {
	c.plane = c.plane[:0]
	for _, v := range values {
		c.plane = binary.AppendUvarint(c.plane, uint64(v))
	}
	return c.appendZipped(dst, c.plane)
}

// pickPacked decodes the numbers at the places, which are sorted, of a column of n.
func (c *columns) pickPacked(column []byte, n int, places []uint32, dst []uint32) ([]uint32, error) {
	var err error
	if c.numbers, err = c.readPacked(column, n, c.numbers); err != nil {
		return nil, err
	}
	dst = resize(dst, len(places))
	for k, place := range places {
		dst[k] = uint32(c.numbers[place])
	}
	return dst, nil
}

// readPacked decodes n numbers from a column's bytes into dst.
func (c *columns) readPacked(column []byte, n int, dst []int64) ([]int64, error) {
	var err error
	if c.plane, err = zstdReader.DecodeAll(column, c.plane[:0]); err != nil {
		return nil, errColumn
	}
	dst = resize(dst, n)
	b := c.plane
	for i := range dst {
		if len(b) > 0 && b[0] < 0x80 { // as most distances between starts are
			dst[i], b = int64(b[0]), b[1:]
			continue
		}
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errColumn
		}
		dst[i] = int64(v)
		b = b[size:]
	}
	if len(b) > 0 {
		return nil, errColumn
	}
	return dst, nil
}

// appendZipped appends b compressed, after its length.
func (c *columns) appendZipped(dst, b []byte) []byte {
	c.zipped = zstdWriter.EncodeAll(b, c.zipped[:0])
	dst = binary.AppendUvarint(dst, uint64(len(c.zipped)))
	return append(dst, c.zipped...)
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// load64 reads 8 bytes from at on, little-endian, with zeros beyond the end.
func load64(b []byte, at uint) uint64 {
	if at+8 <= uint(len(b)) {
		return binary.LittleEndian.Uint64(b[at:])
	}
	var v uint64
	for i := at; i < uint(len(b)); i++ {
		v |= uint64(b[i]) << (8 * (i - at))
	}
	return v
}

// bitWriter packs numbers, the lowest bit first.
type bitWriter struct {
	b    []byte
	word uint64
	n    uint // bits in word
}

// put appends the n lowest bits of v, whose others are 0; n is at most 63.
func (w *bitWriter) put(v uint64, n uint) {
	w.word |= v << w.n
	if w.n += n; w.n >= 64 {
		w.b = binary.LittleEndian.AppendUint64(w.b, w.word)
		w.n -= 64
		w.word = v >> (n - w.n)
	}
}

func (w *bitWriter) flush() []byte {
	for ; w.n > 0; w.n -= min(w.n, 8) {
		w.b = append(w.b, byte(w.word))
		w.word >>= 8
	}
	return w.b
}
