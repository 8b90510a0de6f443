package hist

import (
	"iter"
	"math"
	"math/bits"
)

// Histogram counts non-negative integers in exponential buckets. The zero value
// is an empty histogram at scale 6, ready to use. It is not safe for concurrent
// use, and a copy shares its buckets with the original: use Clone.
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
func (h *Histogram) Record(v int64) { h.RecordN(v, 1) }

// RecordN adds a value n times. Negative values count as zero.
func (h *Histogram) RecordN(v int64, n uint64) {
	if n == 0 {
		return
	}
	v = max(v, 0)
	h.note(v, v, n)
	hi, lo := bits.Mul64(uint64(v), n)
	h.addSum(hi, lo)
	if v == 0 {
		h.zeros += n
		return
	}
	h.bucket(Index(v) >> h.drop)[0] += n
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

// bucket returns the counts from bucket i on, after making room for it.
func (h *Histogram) bucket(i int) []uint64 {
	if k := i - h.first; uint(k) < uint(len(h.counts)) {
		return h.counts[k:]
	}
	h.cover(i, i)
	return h.counts[i-h.first:]
}

// cover makes room for the buckets lo to hi. It grows by a quarter octave
// beyond what is asked, so that a run of new extremes does not copy each time.
func (h *Histogram) cover(lo, hi int) {
	const slack = perOctave / 4
	if len(h.counts) == 0 {
		h.first = lo - slack
		h.counts = make([]uint64, hi-lo+1+2*slack)
		return
	}
	last := h.first + len(h.counts) - 1
	if lo >= h.first && hi <= last {
		return
	}
	first := h.first
	if lo < first {
		first = lo - slack
	}
	if hi > last {
		last = hi + slack
	}
	counts := make([]uint64, last-first+1)
	copy(counts[h.first-first:], h.counts)
	h.counts, h.first = counts, first
}

// Merge adds the values of o to h. At different scales the result has the
// coarser one. Merging is commutative and associative, bit for bit in what
// AppendBinary writes. o is not changed, and may be h.
func (h *Histogram) Merge(o *Histogram) {
	if o.count == 0 {
		return
	}
	h.coarsen(o.drop)
	by := h.drop - o.drop
	if lo, hi, any := o.span(); any {
		h.cover(lo>>by, hi>>by)
		for k, n := range o.counts[lo-o.first : hi-o.first+1] {
			h.counts[(lo+k)>>by-h.first] += n
		}
	}
	h.zeros += o.zeros
	h.note(o.min, o.max, o.count)
	h.addSum(o.sumHi, o.sumLo)
}

// span returns the first and the last bucket that hold a value.
func (h *Histogram) span() (lo, hi int, any bool) {
	if h.count == h.zeros {
		return 0, 0, false
	}
	a, b := 0, len(h.counts)-1
	for h.counts[a] == 0 {
		a++
	}
	for h.counts[b] == 0 {
		b--
	}
	return h.first + a, h.first + b, true
}

// Downscale lowers the scale, halving the number of buckets per power of two
// with each step, exactly: bucket i at scale s lies in bucket i>>1 at s-1.
// A scale not below the present one changes nothing; below 0 it is taken as 0.
func (h *Histogram) Downscale(scale int) {
	h.coarsen(uint8(Scale - min(max(scale, 0), Scale)))
}

func (h *Histogram) coarsen(drop uint8) {
	if drop <= h.drop {
		return
	}
	by := drop - h.drop
	lo, hi, any := h.span()
	old, first := h.counts, h.first
	h.drop, h.counts = drop, nil
	if !any {
		return
	}
	h.cover(lo>>by, hi>>by)
	for k, n := range old[lo-first : hi-first+1] {
		h.counts[(lo+k)>>by-h.first] += n
	}
}

// Scale returns the resolution, 6 unless Downscale or Merge lowered it.
func (h *Histogram) Scale() int { return Scale - int(h.drop) }

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
	clear(h.counts)
	*h = Histogram{counts: h.counts, first: h.first}
}

// Clone returns an independent copy.
func (h *Histogram) Clone() *Histogram {
	c := *h
	c.counts = append([]uint64(nil), h.counts...)
	return &c
}
