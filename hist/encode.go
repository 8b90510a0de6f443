package hist

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
)

// The byte form, all numbers unsigned varints (encoding/binary):
//
//	head     count<<1 | s, where s says that a scale byte follows
//	scale    one byte, 0 to 5, only if s is set
//	-- end if count is 0
//	min
//	-- end if count is 1: max and sum are min
//	range    max - min
//	-- if count is 2, only min and max were recorded: sum is min + max. End.
//	sum      sum - count*min, up to 128 bits, in groups of 7 like a varint
//	zeros    the number of zeros - 1, only if min is 0
//	-- end if all values are zeros
//	start    the first bucket's index + 1, only if min is 0; else it is min's bucket
//	n        the first bucket's count - 1
//	-- then, until the bucket of max is reached, for each bucket that holds a value
//	gap      (distance to the previous such bucket - 1)<<1 | m
//	more     count - 2, only if m is set; else the count is 1
//
// The form is canonical: histograms that hold the same have the same bytes.

// ErrCorrupt is returned for bytes that no histogram encodes to.
var ErrCorrupt = errors.New("hist: corrupt histogram bytes")

// AppendBinary appends the histogram's byte form to b.
func (h *Histogram) AppendBinary(b []byte) []byte {
	head := h.count << 1
	if h.drop != 0 {
		b = append(binary.AppendUvarint(b, head|1), byte(h.Scale()))
	} else {
		b = binary.AppendUvarint(b, head)
	}
	if h.count == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(h.min))
	if h.count == 1 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(h.max-h.min))
	if h.count == 2 {
		return b
	}
	hi, lo := bits.Mul64(h.count, uint64(h.min))
	lo, borrow := bits.Sub64(h.sumLo, lo, 0)
	hi, _ = bits.Sub64(h.sumHi, hi, borrow)
	b = appendUvarint128(b, hi, lo)
	previous, last, any := h.span()
	if h.min == 0 {
		b = binary.AppendUvarint(b, h.zeros-1)
		if !any {
			return b
		}
		b = binary.AppendUvarint(b, uint64(previous-minIndex))
	}
	b = binary.AppendUvarint(b, h.counts[previous-h.first]-1)
	for i := previous + 1; i <= last; i++ {
		n := h.counts[i-h.first]
		if n == 0 {
			continue
		}
		gap := uint64(i-previous-1) << 1
		if n == 1 {
			b = binary.AppendUvarint(b, gap)
		} else {
			b = binary.AppendUvarint(b, gap|1)
			b = binary.AppendUvarint(b, n-2)
		}
		previous = i
	}
	return b
}

// Decode replaces h by the histogram at the start of b and returns how many
// bytes it took. On ErrCorrupt h is empty. It never allocates more than the
// 32 KiB that a histogram's buckets can need.
func (h *Histogram) Decode(b []byte) (int, error) {
	h.Reset()
	n, err := h.MergeBinary(b)
	if err != nil {
		h.Reset()
	}
	return n, err
}

// MergeBinary adds the histogram at the start of b to h, as Merge would, and
// returns how many bytes it took. After ErrCorrupt h holds part of it.
func (h *Histogram) MergeBinary(b []byte) (int, error) {
	r := reader{b: b}
	head := r.uvarint()
	count := head >> 1
	drop := uint8(0)
	if head&1 != 0 {
		scale := r.byte()
		if scale >= Scale {
			return 0, ErrCorrupt
		}
		drop = Scale - scale
	}
	if r.bad {
		return 0, ErrCorrupt
	}
	h.coarsen(drop)
	if count == 0 {
		return r.at, nil
	}
	by := h.drop - drop
	low := r.uvarint()
	high := low
	if count > 1 {
		high += r.uvarint()
	}
	if r.bad || low > high || high > math.MaxInt64 || h.count+count < h.count {
		return 0, ErrCorrupt
	}
	if count <= 2 {
		h.addBare(int64(low))
		if count == 2 {
			h.addBare(int64(high))
		}
		return r.at, nil
	}
	offHi, offLo := r.uvarint128()
	if !sumInRange(offHi, offLo, count, high-low) {
		return 0, ErrCorrupt
	}
	left := count
	i := 0
	if low == 0 {
		zeros := r.uvarint()
		if r.bad || zeros >= count {
			return 0, ErrCorrupt
		}
		left -= zeros + 1
		h.zeros += zeros + 1
		if left == 0 != (high == 0) {
			return 0, ErrCorrupt
		}
		if left > 0 {
			start := r.uvarint()
			if start > maxIndex-minIndex {
				return 0, ErrCorrupt
			}
			i = int(start) + minIndex
		}
	} else {
		i = Index(int64(low)) >> drop
	}
	if left > 0 {
		last := Index(int64(high)) >> drop
		if i > last || i < minIndex {
			return 0, ErrCorrupt
		}
		h.cover(i>>by, last>>by)
		n := r.uvarint() + 1
		for {
			if r.bad || n > left || n == 0 {
				return 0, ErrCorrupt
			}
			h.counts[i>>by-h.first] += n
			left -= n
			if i == last {
				break
			}
			gap := r.uvarint()
			if gap>>1 >= uint64(last-i) {
				return 0, ErrCorrupt
			}
			i += int(gap>>1) + 1
			n = 1
			if gap&1 != 0 {
				n = r.uvarint() + 2
			}
		}
		if left != 0 {
			return 0, ErrCorrupt
		}
	}
	if r.bad {
		return 0, ErrCorrupt
	}
	h.note(int64(low), int64(high), count)
	hi, lo := bits.Mul64(count, low)
	h.addSum(hi, lo)
	h.addSum(offHi, offLo)
	return r.at, nil
}

// addBare records a value that another histogram, possibly coarser than scale
// 6 but not coarser than h, held.
func (h *Histogram) addBare(v int64) { h.RecordN(v, 1) }

// sumInRange says whether sum - count*min lies between 0 and count*(max-min).
func sumInRange(hi, lo, count, span uint64) bool {
	topHi, topLo := bits.Mul64(count, span)
	return hi < topHi || hi == topHi && lo <= topLo
}

func appendUvarint128(b []byte, hi, lo uint64) []byte {
	for hi != 0 || lo >= 0x80 {
		b = append(b, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	return append(b, byte(lo))
}

// reader takes varints off a slice and remembers if one was cut short, too
// long or not in its shortest form.
type reader struct {
	b   []byte
	at  int
	bad bool
}

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.bad = true
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) uvarint() uint64 {
	if r.at < len(r.b) && r.b[r.at] < 0x80 {
		r.at++
		return uint64(r.b[r.at-1])
	}
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 || n > 1 && r.b[r.at+n-1] == 0 {
		r.bad = true
		return 0
	}
	r.at += n
	return v
}

func (r *reader) uvarint128() (hi, lo uint64) {
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if shift == 126 && c > 3 || shift > 0 && c == 0 {
			r.bad = true
		}
		if r.bad {
			return 0, 0
		}
		part := uint64(c & 0x7f)
		if shift < 64 {
			lo |= part << shift
			if shift > 57 {
				hi |= part >> (64 - shift)
			}
		} else {
			hi |= part << (shift - 64)
		}
		if c < 0x80 {
			return hi, lo
		}
	}
}
