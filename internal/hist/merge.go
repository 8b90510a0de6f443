package hist

// Merge adds the values of o to h. At different scales the result has the
// coarser one, also if one of the two is empty. Merging is commutative and
// associative, bit for bit in what AppendBinary writes. o is not changed, and
// may be h.
func (h *Histogram) Merge(o *Histogram) {
	h.coarsen(o.drop)
	if o.count == 0 {
		return
	}
	if lo, hi, ok := o.span(); ok {
		by := h.drop - o.drop
		addCounts(h.cover(lo>>by, hi>>by), o.counts[lo-o.first:hi-o.first+1], lo, by)
	}
	h.zeros += o.zeros
	h.note(o.min, o.max, o.count)
	h.addSum(o.sumHi, o.sumLo)
}

// addCounts adds the counts of the buckets from lo on to those at a scale
// lower by by, of which dst holds bucket lo>>by first.
func addCounts(dst, counts []uint64, lo int, by uint8) {
	if by == 0 {
		dst = dst[:len(counts)]
		for k, n := range counts {
			dst[k] += n
		}
		return
	}
	for k, n := range counts {
		dst[(lo+k)>>by-lo>>by] += n
	}
}
