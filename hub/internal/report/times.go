package report

import (
	"time"

	"github.com/kymohq/kymo/internal/hist"
)

// ResponseTimes sums up durations: those of requests, or of a check's runs. Without any,
// all numbers are 0. Percentiles and Columns have the same numbers under other names in
// JSON, and null instead of 0; so each is a struct, and all are filled from this one.
type ResponseTimes struct {
	AvgResponseTime float64 `json:"avg_response_time" doc:"Mean duration, ms." example:"48.2"`
	P50ResponseTime float64 `json:"p50_response_time" doc:"Median duration, ms." example:"31.9"`
	P95ResponseTime float64 `json:"p95_response_time" doc:"95th percentile of the duration, ms." example:"182.5"`
	P99ResponseTime float64 `json:"p99_response_time" doc:"99th percentile of the duration, ms." example:"640.1"`
	MaxResponseTime float64 `json:"max_response_time" doc:"Longest duration, ms, exactly." example:"2105.1"`
}

// responseTimes returns the numbers, and the 95th percentile before it is rounded.
func responseTimes(h *hist.Histogram) (t ResponseTimes, p95 time.Duration) {
	q95 := h.Quantile(0.95)
	return ResponseTimes{
		AvgResponseTime: ms(h.Mean()),
		P50ResponseTime: ms(h.Quantile(0.50)),
		P95ResponseTime: ms(q95),
		P99ResponseTime: ms(h.Quantile(0.99)),
		MaxResponseTime: ms(float64(h.Max())),
	}, time.Duration(q95)
}

// Percentiles sum up the durations of a window.
type Percentiles struct {
	P50 *float64 `json:"p50" doc:"Median duration, ms; null without requests." example:"24.9"`
	P95 *float64 `json:"p95" doc:"95th percentile of the duration, ms, or null." example:"30.2"`
	P99 *float64 `json:"p99" doc:"99th percentile of the duration, ms, or null." example:"31.1"`
	Max *float64 `json:"max" doc:"Longest duration, ms, exactly, or null." example:"31.4"`
}

// percentiles returns the numbers and the mean, all nil without durations.
func percentiles(h *hist.Histogram) (avg *float64, p Percentiles) {
	if h.Count() == 0 {
		return nil, p
	}
	t, _ := responseTimes(h)
	return &t.AvgResponseTime, Percentiles{&t.P50ResponseTime, &t.P95ResponseTime, &t.P99ResponseTime, &t.MaxResponseTime}
}
