package hist

import "math"

// Quantile returns the value at quantile q in [0, 1] by the nearest-rank
// method: an estimate of the ceil(q*n)-th smallest of n values. q <= 0 gives
// the smallest value and q >= 1 the largest, both exactly; in between the
// relative error is at most MaxRelativeError at scale 6 and doubles with each
// step down. An empty histogram, or a q that is not a number, gives 0.
func (h *Histogram) Quantile(q float64) float64 {
	switch {
	case h.count == 0 || math.IsNaN(q):
		return 0
	case q <= 0:
		return float64(h.min)
	case q >= 1:
		return float64(h.max)
	}
	rank := nearestRank(q, h.count)
	seen := h.zeros
	if rank <= seen {
		return 0
	}
	for k, n := range h.counts {
		if seen += n; seen >= rank {
			return h.estimate(h.first + k)
		}
	}
	return float64(h.max)
}

// nearestRank is ceil(q*n), at least 1, of the decimal that q was written as:
// 0.07*100 is 7.000000000000001 in floating point, and its rank is 7. The
// decimal's own rounding and that of the product are 2^-53 each.
func nearestRank(q float64, n uint64) uint64 {
	exact := q * float64(n)
	rank := math.Ceil(exact - exact*0x1p-51)
	return min(max(uint64(rank), 1), n)
}

// estimate returns the harmonic mean of bucket i's bounds, which halves the
// worst relative error, kept within the extremes seen.
func (h *Histogram) estimate(i int) float64 {
	lo, hi := upperBound(i-1, int(h.drop)), upperBound(i, int(h.drop))
	return min(max(2*lo*hi/(lo+hi), float64(h.min)), float64(h.max))
}
