package hist

import (
	"math"
	"math/rand/v2"
	"testing"
)

var quantiles = []float64{
	1e-9, 0.001, 0.01, 0.05, 0.07, 0.1, 0.14, 0.25, 0.28, 0.3, 0.5, 0.55, 0.56, 0.57, 0.58,
	0.7, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 0.999999, 1 - 1e-12,
}

func TestQuantilesAgainstSortedValues(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 100, 1001, 20_000} {
		eachDistribution(t, n, func(t *testing.T, values []int64) {
			h, want := recorded(values), exactly(values)
			if h.Min() != want[0] || h.Max() != want[n-1] || h.Count() != uint64(n) {
				t.Fatalf("min, max, count = %d, %d, %d; want %d, %d, %d",
					h.Min(), h.Max(), h.Count(), want[0], want[n-1], n)
			}
			if got := h.Quantile(0); got != float64(want[0]) {
				t.Errorf("Quantile(0) = %v, want %d", got, want[0])
			}
			if got := h.Quantile(1); got != float64(want[n-1]) {
				t.Errorf("Quantile(1) = %v, want %d", got, want[n-1])
			}
			if got, want := sumOf(h), want.sum(); got.Cmp(want) != 0 {
				t.Errorf("sum = %v, want %v", got, want)
			}
			checkQuantiles(t, h, want, MaxRelativeError)
		})
	}
}

// checkQuantiles compares every quantile with the exact one.
func checkQuantiles(t *testing.T, h *Histogram, want exact, limit float64) {
	t.Helper()
	previous := h.Quantile(0)
	for _, q := range quantiles {
		got, exact := h.Quantile(q), float64(want.quantile(q))
		if math.Abs(got-exact) > limit*exact {
			t.Errorf("Quantile(%v) = %v, want %v: off by %.4f %%", q, got, exact, 100*(got-exact)/exact)
		}
		if got < previous {
			t.Errorf("Quantile(%v) = %v, below the %v of a lower one", q, got, previous)
		}
		previous = got
	}
}

func TestQuantilesAtLowerScales(t *testing.T) {
	eachDistribution(t, 5000, func(t *testing.T, values []int64) {
		h, want := recorded(values), exactly(values)
		limit := MaxRelativeError
		for scale := Scale - 1; scale >= 0; scale-- {
			h.Downscale(scale)
			limit *= 2
			checkQuantiles(t, h, want, limit)
		}
	})
}

func TestQuantileEdges(t *testing.T) {
	var empty Histogram
	one := recorded([]int64{0, 5_000, 90_000})
	for _, c := range []struct {
		h       *Histogram
		q, want float64
	}{
		{&empty, 0.5, 0}, {&empty, 0, 0}, {&empty, 1, 0},
		{one, math.NaN(), 0}, {one, -1, 0}, {one, math.Inf(-1), 0},
		{one, 2, 90_000}, {one, math.Inf(1), 90_000}, {one, 0.33, 0},
	} {
		if got := c.h.Quantile(c.q); got != c.want {
			t.Errorf("Quantile(%v) of %d values = %v, want %v", c.q, c.h.Count(), got, c.want)
		}
	}
}

func TestNearestRankIsThatOfTheDecimal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		scale := math.Pow(10, float64(1+r.IntN(6)))
		q := float64(1+r.IntN(int(scale)-1)) / scale
		n := 1 + r.Uint64N(1e12)>>r.IntN(40)
		if n%2 == 0 && n > 2000 { // so that q*n is a whole number more often
			n = n / 1000 * 1000
		}
		if got, want := nearestRank(q, n), max(decimalRank(q, n), 1); got != want {
			t.Fatalf("nearestRank(%v, %d) = %d, want %d", q, n, got, want)
		}
	}
}
