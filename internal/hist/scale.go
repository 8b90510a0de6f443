package hist

// Scale returns the resolution, 6 unless Downscale or Merge lowered it.
func (h *Histogram) Scale() int { return Scale - int(h.drop) }

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
	lo, hi, ok := h.span()
	old, first := h.counts, h.first
	h.drop, h.counts = drop, nil
	if ok {
		addCounts(h.cover(lo>>by, hi>>by), old[lo-first:hi-first+1], lo, by)
	}
}
