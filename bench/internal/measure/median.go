// Package measure times contenders so that a noisy machine is fair to all: their
// turns alternate over several rounds, what is compared is compared within a
// round, and the median over the rounds is what counts.
package measure

import (
	"math"
	"slices"
)

// Median returns the middle value, the mean of the two middle values if their
// number is even, and NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

// MedianRatio returns the median of a[i]/b[i]: the values with the same index
// were measured in the same round. Rounds in which either is missing (NaN) or b
// is 0 do not count.
func MedianRatio(a, b []float64) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if r := a[i] / b[i]; !math.IsNaN(r) && !math.IsInf(r, 0) {
			ratios = append(ratios, r)
		}
	}
	return Median(ratios)
}

// MedianExcess returns the median of (a[i]-base[i])/unit[i]: what a costs more
// than base, in units, all three measured in the same round.
func MedianExcess(a, base, unit []float64) float64 {
	excess := make([]float64, min(len(a), len(base), len(unit)))
	for i := range excess {
		excess[i] = a[i] - base[i]
	}
	return MedianRatio(excess, unit)
}
