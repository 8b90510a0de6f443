package hist

import (
	"encoding/binary"
	"math/bits"
)

// The byte form, all numbers unsigned varints (encoding/binary) in their
// shortest form:
//
//	head     count<<1 | s, where s says that a scale byte follows
//	scale    one byte, 0 to 5, only if s is set
//	-- end if count is 0
//	min
//	-- end if count is 1: max and sum are min
//	range    max - min
//	-- end if count is 2: sum is min + max
//	sum      the sum less count*min, up to 128 bits, in groups of 7 like a varint
//	zeros    the number of zeros - 1, only if min is 0
//	-- end if all values are zeros
//	start    the first bucket's index + 1, only if min is 0; else it is min's bucket
//	n        the first bucket's count - 1
//	-- then, until the bucket of max is reached, for each bucket that holds a
//	-- value, one of
//	next     (count-1)<<1, if the bucket before it holds a value too
//	far      ((empty-1)<<2 | c)<<1 | 1, after that many empty buckets;
//	         c is count - 1 if that is below 3, else 3 and then follows
//	more     count - 4
//
// Nearly every bucket so takes one byte, whether it is one of a crowd (up to 64
// values) or stands alone (up to 3 values after up to 16 empty buckets), which
// makes for small bytes and lets MergeBinary read a byte without waiting for
// what the one before it meant.
//
// The form is canonical: histograms that hold the same have the same bytes,
// and no other bytes are accepted.

// manyAfterGap is the c of a bucket far from the one before whose count follows.
const manyAfterGap = 3

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
	first, last, ok := h.span()
	if h.min == 0 {
		b = binary.AppendUvarint(b, h.zeros-1)
		if !ok {
			return b
		}
		b = binary.AppendUvarint(b, uint64(first-minIndex))
	}
	return appendBuckets(b, h.counts[first-h.first:last-h.first+1])
}

// appendBuckets appends counts, of which the first and the last are not 0.
func appendBuckets(b []byte, counts []uint64) []byte {
	b = binary.AppendUvarint(b, counts[0]-1)
	for at := 1; at < len(counts); at++ {
		before := at
		if counts[at] == 0 {
			// Quiet series have long gaps.
			for at+4 <= len(counts) && counts[at]|counts[at+1]|counts[at+2]|counts[at+3] == 0 {
				at += 4
			}
			for counts[at] == 0 {
				at++
			}
		}
		empty, n := uint64(at-before), counts[at]
		switch {
		case empty == 0 && n <= 0x40:
			b = append(b, byte(n-1)<<1)
		case empty == 0:
			b = binary.AppendUvarint(b, (n-1)<<1)
		case n <= manyAfterGap:
			b = binary.AppendUvarint(b, (empty-1)<<3|(n-1)<<1|1)
		default:
			b = binary.AppendUvarint(b, (empty-1)<<3|manyAfterGap<<1|1)
			b = binary.AppendUvarint(b, n-manyAfterGap-1)
		}
	}
	return b
}

func appendUvarint128(b []byte, hi, lo uint64) []byte {
	for hi != 0 || lo >= 0x80 {
		b = append(b, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	return append(b, byte(lo))
}
