package dataset

import (
	"math"
	"slices"
)

// Series names what requests are grouped by.
type Series struct{ Endpoint, Method string }

// Exact holds every duration of each series, sorted, in nanoseconds.
type Exact map[Series][]int64

// Exact reads all requests and keeps their durations.
func (c Config) Exact() Exact {
	exact := make(Exact)
	for e := range c.Events() {
		s := Series{e.Endpoint, e.Method}
		exact[s] = append(exact[s], e.Duration)
	}
	for _, durations := range exact {
		slices.Sort(durations)
	}
	return exact
}

// NearestRank returns the ceil(q*n)-th smallest of the sorted values, 0 of none.
func NearestRank(sorted []int64, q float64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
