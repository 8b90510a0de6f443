package hist

import (
	"iter"
	"math"
	"math/bits"
)

// Histogram counts non-negative integers in exponential buckets. The zero value
// is an empty histogram at scale 6, ready to use. It is not safe for concurrent
// use, and a copy shares its buckets with the original: use Clone.
//
// It holds at most 2^63 - 1 values, which it does not check: at ten million a second
// that takes 29,000 years.
type Histogram struct {
	count        uint64
	zeros        uint64
	sumHi, sumLo uint64
	min, max     int64
	counts       []uint64 // counts[k] is of bucket first+k
	first        int
	drop         uint8 // 6 - scale
}

// Record adds one value. Negative values count as zero.
func (h *Histogram) Record(v int64) {
	// Nearly every value lies between extremes already seen, in a bucket that
	// there is room for. An empty histogram's max of 0 sends its first value,
	// and zero and negative values always, the other way.
	if uint64(v-1) < uint64(h.max) && v >= h.min {
		if k := Index(v)>>(h.drop&7) - h.first; uint(k) < uint(len(h.counts)) {
			var carry uint64
			h.sumLo, carry = bits.Add64(h.sumLo, uint64(v), 0)
			h.sumHi += carry
			h.count++
			h.counts[k]++
			return
		}
	}
	h.RecordN(v, 1)
}

// RecordN adds a value n times. Negative values count as zero.
func (h *Histogram) RecordN(v int64, n uint64) {
	if n == 0 {
		return
	}
	v = max(v, 0)
	if v == 0 {
		h.zeros += n
	} else {
		i := Index(v) >> h.drop
		h.cover(i, i)[0] += n
	}
	h.note(v, v, n)
	hi, lo := bits.Mul64(uint64(v), n)
	h.addSum(hi, lo)
}

// note takes n values between lo and hi into the count and the extremes.
func (h *Histogram) note(lo, hi int64, n uint64) {
	if h.count == 0 || lo < h.min {
		h.min = lo
	}
	if hi > h.max {
		h.max = hi
	}
	h.count += n
}

func (h *Histogram) addSum(hi, lo uint64) {
	var carry uint64
	h.sumLo, carry = bits.Add64(h.sumLo, lo, 0)
	h.sumHi, _ = bits.Add64(h.sumHi, hi, carry)
}

// cover makes room for the buckets lo to hi and returns their counts. It grows
// by a quarter octave beyond what is asked, so that a run of new extremes does
// not copy each time.
func (h *Histogram) cover(lo, hi int) []uint64 {
	const slack = perOctave / 4
	first, end := lo-slack, hi+1+slack
	if len(h.counts) > 0 {
		if lo >= h.first {
			first = h.first
		}
		if old := h.first + len(h.counts); hi < old {
			end = old
		}
	}
	if end-first != len(h.counts) {
		counts := make([]uint64, end-first)
		if len(h.counts) > 0 {
			copy(counts[h.first-first:], h.counts)
		}
		h.counts, h.first = counts, first
	}
	return h.counts[lo-h.first : hi-h.first+1]
}

// span returns the first and the last bucket that hold a value; ok is false if none does.
func (h *Histogram) span() (lo, hi int, ok bool) {
	if h.count == h.zeros {
		return 0, 0, false
	}
	hi = Index(h.max) >> h.drop
	if h.zeros == 0 {
		return Index(h.min) >> h.drop, hi, true
	}
	lo = h.first
	for h.counts[lo-h.first] == 0 {
		lo++
	}
	return lo, hi, true
}

// Count returns the number of values recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Zeros returns how many of the values were zero; they are in no bucket.
func (h *Histogram) Zeros() uint64 { return h.zeros }

// Sum returns the sum of the values. It is kept exactly, in 128 bits.
func (h *Histogram) Sum() float64 {
	return math.Ldexp(float64(h.sumHi), 64) + float64(h.sumLo)
}

// Mean returns the arithmetic mean, 0 for an empty histogram.
func (h *Histogram) Mean() float64 {
	if h.count == 0 {
		return 0
	}
	return h.Sum() / float64(h.count)
}

// Min returns the smallest value, exactly; 0 for an empty histogram.
func (h *Histogram) Min() int64 { return h.min }

// Max returns the largest value, exactly; 0 for an empty histogram.
func (h *Histogram) Max() int64 { return h.max }

// Buckets yields the index and count of each bucket that holds a value, in
// order. Bucket i covers (2^(i/2^s), 2^((i+1)/2^s)] at scale s.
func (h *Histogram) Buckets() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for k, n := range h.counts {
			if n != 0 && !yield(h.first+k, n) {
				return
			}
		}
	}
}

// Reset empties the histogram and returns it to scale 6, keeping its memory.
func (h *Histogram) Reset() {
	if lo, hi, ok := h.span(); ok {
		clear(h.counts[lo-h.first : hi-h.first+1])
	}
	*h = Histogram{counts: h.counts, first: h.first}
}

// Clone returns an independent copy.
func (h *Histogram) Clone() *Histogram {
	c := *h
	c.counts = append([]uint64(nil), h.counts...)
	return &c
}
