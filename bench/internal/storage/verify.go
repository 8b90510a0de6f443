package storage

import (
	"fmt"
	"math"

	"github.com/kymohq/kymo/bench/internal/dataset"
)

// deviation is how far a report's percentiles lie from the exact nearest-rank
// ones, relatively, over its worst endpoint.
type deviation struct{ p50, p95, p99 float64 }

// compare checks that a report counts every request of every series, and says
// how far its percentiles are off.
func compare(rows []row, exact dataset.Exact) (deviation, error) {
	var d deviation
	if len(rows) != len(exact) {
		return d, fmt.Errorf("the report has %d lines; the requests have %d series", len(rows), len(exact))
	}
	for _, r := range rows {
		durations := exact[r.Series]
		if r.total != int64(len(durations)) {
			return d, fmt.Errorf("the report counts %d requests of %s %s; there are %d", r.total, r.Method, r.Endpoint, len(durations))
		}
		d.p50 = max(d.p50, off(r.p50, durations, 0.50))
		d.p95 = max(d.p95, off(r.p95, durations, 0.95))
		d.p99 = max(d.p99, off(r.p99, durations, 0.99))
	}
	return d, nil
}

// off is the relative difference of ms to the exact quantile.
func off(ms float64, durations []int64, q float64) float64 {
	exact := float64(dataset.NearestRank(durations, q)) / 1e6
	return math.Abs(ms-exact) / exact
}
