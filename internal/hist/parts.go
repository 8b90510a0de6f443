package hist

import "math/bits"

// Parts are the fields of a histogram at scale 6, for engines that store them in
// columns and merge them themselves: by adding counts, sums and buckets, and by taking
// the extremes of Min and Max.
type Parts struct {
	Count, Zeros uint64
	// The sum of the values is SumHigh * 2^32 + SumLow. Both halves of many
	// histograms can be added up in 64 bits, where the sum itself would overflow.
	SumHigh, SumLow uint64
	Min, Max        int64 // 0 if Count is 0

	Index  []int16  // of the buckets that hold a value, in ascending order
	Counts []uint64 // of each of them, above 0
}

// AppendParts sets p to the parts of the histogram, reusing p's memory. It returns
// false if the histogram has none: its scale is coarser, or its sum is 2^96 or more.
func (h *Histogram) AppendParts(p *Parts) (ok bool) {
	if h.drop != 0 {
		return false
	}
	*p = Parts{
		Count: h.count, Zeros: h.zeros, Min: h.min, Max: h.max,
		SumHigh: h.sumHi<<32 | h.sumLo>>32, SumLow: h.sumLo & (1<<32 - 1),
		Index: p.Index[:0], Counts: p.Counts[:0],
	}
	for i, n := range h.Buckets() {
		p.Index, p.Counts = append(p.Index, int16(i)), append(p.Counts, n)
	}
	return h.sumHi>>32 == 0
}

// MergeParts adds the histogram with these parts. If no values have such parts, it
// returns ErrCorrupt and leaves h unchanged.
func (h *Histogram) MergeParts(p *Parts) error {
	if !p.sound() || p.Count > maxCount-h.count {
		return ErrCorrupt
	}
	if p.Count == 0 {
		return nil
	}
	if n := len(p.Index); n > 0 {
		first := int(p.Index[0]) >> h.drop
		counts := h.cover(first, int(p.Index[n-1])>>h.drop)
		for k, i := range p.Index {
			counts[int(i)>>h.drop-first] += p.Counts[k]
		}
	}
	h.zeros += p.Zeros
	h.note(p.Min, p.Max, p.Count)
	h.addSum(p.SumHigh>>32, p.SumHigh<<32)
	h.addSum(0, p.SumLow)
	return nil
}

// sound reports whether some values could have these parts.
func (p *Parts) sound() bool {
	if p.Count == 0 {
		return p.Zeros == 0 && len(p.Index) == 0 && len(p.Counts) == 0 && p.SumHigh == 0 && p.SumLow == 0 && p.Min == 0 && p.Max == 0
	}
	if len(p.Index) != len(p.Counts) || p.Min < 0 || p.Max < p.Min || p.Zeros > p.Count || (p.Min == 0) != (p.Zeros > 0) {
		return false
	}
	left := p.Count - p.Zeros
	for k, n := range p.Counts {
		if n == 0 || n > left || k > 0 && p.Index[k] <= p.Index[k-1] {
			return false
		}
		left -= n
	}
	if left != 0 || (p.Max > 0) != (len(p.Index) > 0) {
		return false
	}
	if p.Max > 0 && (int(p.Index[len(p.Index)-1]) != Index(p.Max) || int(p.Index[0]) < minIndex ||
		p.Min > 0 && int(p.Index[0]) != Index(p.Min)) {
		return false
	}
	return p.sumInRange()
}

// sumInRange reports whether the sum lies between what Count values of at least Min
// and at most Max can sum up to.
func (p *Parts) sumInRange() bool {
	lo, carry := bits.Add64(p.SumHigh<<32, p.SumLow, 0)
	hi := p.SumHigh>>32 + carry
	minHi, minLo := bits.Mul64(p.Count, uint64(p.Min))
	maxHi, maxLo := bits.Mul64(p.Count, uint64(p.Max))
	return (hi > minHi || hi == minHi && lo >= minLo) && (hi < maxHi || hi == maxHi && lo <= maxLo)
}
