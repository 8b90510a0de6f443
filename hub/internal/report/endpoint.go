package report

import "github.com/kymohq/kymo/hub/internal/rollup"

// Endpoint is the numbers of one endpoint and method in a window.
type Endpoint struct {
	Service  string `json:"service" doc:"The service that answered." example:"orders"`
	Endpoint string `json:"endpoint" doc:"The matched route template. A request that matched no route is (unmatched); endpoints beyond the cap of their service are (other)." example:"/users/{id}"`
	Method   string `json:"method" doc:"The HTTP method; _OTHER for one that HTTP does not define." example:"GET"`

	TotalRequests uint64 `json:"total_requests" doc:"How many requests started in the window." example:"1204"`

	ResponseTimes

	ErrorRate       float64 `json:"error_rate" minimum:"0" maximum:"1" doc:"Share of requests answered with 5xx or by a panic." example:"0.012"`
	ClientErrorRate float64 `json:"client_error_rate" minimum:"0" maximum:"1" doc:"Share of requests answered with 4xx, other than 499." example:"0.031"`
	TimeShare       float64 `json:"time_share" minimum:"0" maximum:"1" doc:"Share of the time that all requests in this answer took together." example:"0.42"`

	Slow             bool   `json:"slow" doc:"Whether the 95th percentile is over its target, with at least the minimum sample." example:"true"`
	SlowReason       string `json:"slow_reason" doc:"The rule that made it slow, and its numbers; empty if it is not slow." example:"p95 812 ms over target 500 ms (1,204 samples)"`
	InsufficientData bool   `json:"insufficient_data" doc:"Whether there are fewer requests than the minimum sample: too few to judge by percentiles." example:"false"`
}

// names returns the names of the row's endpoint.
func (e *Endpoint) names() rollup.Endpoint {
	return rollup.Endpoint{Service: e.Service, Name: e.Endpoint, Method: e.Method}
}

func (s *Summary) endpoint(r *row) Endpoint {
	h := &r.durations
	times, p95 := responseTimes(h)
	e := Endpoint{
		Service: r.endpoint.Service, Endpoint: r.endpoint.Name, Method: r.endpoint.Method,
		TotalRequests:   r.requests,
		ResponseTimes:   times,
		ErrorRate:       r.rate(r.errors),
		ClientErrorRate: r.rate(r.clientErrors),
	}
	if all := s.all.Sum(); all > 0 {
		e.TimeShare = h.Sum() / all
	}
	e.InsufficientData = r.requests < s.slow.minSamples()
	e.SlowReason = s.slow.reason(r.endpoint.Name, p95, r.requests)
	e.Slow = e.SlowReason != ""
	return e
}

// Endpoints returns a row for each endpoint and method, in no particular order.
func (s *Summary) Endpoints() []Endpoint {
	rows := make([]Endpoint, len(s.rows))
	for i, r := range s.rows {
		rows[i] = s.endpoint(r)
	}
	return rows
}
