package report

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Performance is the PerformanceReport of a window: all requests in one.
type Performance struct {
	TotalRequests uint64 `json:"total_requests" doc:"How many requests started in the window." example:"120400"`
	ResponseTimes
	ErrorRate        float64    `json:"error_rate" minimum:"0" maximum:"1" doc:"Share of requests answered with 5xx or by a panic." example:"0.004"`
	ClientErrorRate  float64    `json:"client_error_rate" minimum:"0" maximum:"1" doc:"Share of requests answered with 4xx, other than 499." example:"0.021"`
	SlowestEndpoints []Endpoint `json:"slowest_endpoints" nullable:"false" doc:"The endpoints with the highest 95th percentile, the highest first; at most 10."`
	SlowEndpoints    int        `json:"slow_endpoints" doc:"How many endpoints are over their target." example:"3"`
	Endpoints        int        `json:"endpoints" doc:"How many endpoints had requests." example:"42"`

	Window Window `json:"window"`
	Trust  Trust  `json:"trust"`
}

// Window is the time that a report is about.
type Window struct {
	From  time.Time `json:"from" doc:"The first instant of the window, UTC." example:"2026-11-22T10:00:00Z"`
	To    time.Time `json:"to" doc:"The first instant after the window, UTC." example:"2026-11-23T10:00:00Z"`
	Hours float64   `json:"hours" doc:"The length of the window." example:"24"`
}

// Trust describes how far the numbers beside it can be trusted.
type Trust struct {
	Samples    uint64  `json:"samples" doc:"How many requests the numbers are made from. None are sampled." example:"120400"`
	ErrorBound float64 `json:"error_bound" doc:"How far a percentile can be from the exact nearest-rank percentile, as a share of it." example:"0.005416"`
	Dropped    uint64  `json:"dropped" doc:"Requests of the window that the service could not deliver, or that the hub did not take. They are missing from the numbers. They are known only by service." example:"0"`
	// DroppedReasons adds up to Dropped.
	DroppedReasons   map[string]uint64 `json:"dropped_reasons,omitempty" doc:"How many of dropped there are for each reason: buffer_full (they came faster than the service could collect them), queue_full (the hub was away for too long), rejected (the hub refused the batch), failed (the SDK failed), invalid (a field is missing or wrong), in_future (they started too far ahead of the hub's clock; they count when they arrived), unknown (from an older SDK)."`
	TooOld           uint64            `json:"too_old" doc:"Requests that arrived in the window and were refused, or that a service reports as dropped, because they started before all that the hub keeps. They are not missing from the numbers, unless the clock of their service is wrong." example:"0"`
	Overflowed       uint64            `json:"overflowed" doc:"Requests counted under (other), because their service has more endpoints than the cap." example:"0"`
	Lost             uint64            `json:"lost" doc:"Requests that the store had and can no longer read, because a file was damaged: at most so many are missing from the numbers, and from lists of requests." example:"0"`
	Damaged          bool              `json:"damaged" doc:"Whether a part of the window is damaged in the store. How many requests that had is not always known; lost is then too low." example:"false"`
	InsufficientData bool              `json:"insufficient_data" doc:"Whether there are fewer requests than the minimum sample: too few to judge by percentiles." example:"false"`
}

// Slowest is how many of the slowest endpoints a report has.
const Slowest = 10

// Performance returns the report.
func (s *Summary) Performance() *Performance {
	times, _ := responseTimes(&s.all)
	rows := s.Endpoints()
	slow := 0
	for i := range rows {
		if rows[i].Slow {
			slow++
		}
	}
	return &Performance{
		TotalRequests:    s.total.requests,
		ResponseTimes:    times,
		ErrorRate:        s.total.rate(s.total.errors),
		ClientErrorRate:  s.total.rate(s.total.clientErrors),
		SlowestEndpoints: ByP95.Sort(rows, Slowest),
		SlowEndpoints:    slow,
		Endpoints:        len(rows),
		Window:           s.Window(),
		Trust:            s.Trust(),
	}
}

// Window returns the window of the summary.
func (s *Summary) Window() Window { return windowOf(s.window) }

func windowOf(w rollup.Window) Window {
	return Window{
		From:  time.UnixMilli(w.From).UTC(),
		To:    time.UnixMilli(w.To).UTC(),
		Hours: float64(w.To-w.From) / float64(rollup.Hour.Millis()),
	}
}

// Lose adds what the store lost of the window.
func (t *Trust) Lose(l store.Loss) { t.Lost, t.Damaged = l.Requests, l.Damaged }

// Trust returns how far the summary can be trusted.
func (s *Summary) Trust() Trust {
	t := Trust{
		Samples:          s.total.requests,
		ErrorBound:       errorBound(&s.all),
		Overflowed:       s.other,
		InsufficientData: s.total.requests < s.slow.minSamples(),
	}
	s.dropped.put(&t)
	return t
}
