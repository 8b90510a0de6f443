package report

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/internal/duration"
)

// Slow is the rule for slow endpoints: the 95th percentile is over the target,
// with at least MinSamples requests in the window.
type Slow struct {
	Target     time.Duration // 0 is 500 ms
	MinSamples int           // 0 is 20
	Routes     []RouteTarget // the first with the endpoint applies
}

// RouteTarget is the target of one endpoint, in every service and for every method.
type RouteTarget struct {
	Endpoint string
	Target   time.Duration
}

// The defaults of Slow.
const (
	DefaultTarget     = 500 * time.Millisecond
	DefaultMinSamples = 20
)

func (s *Slow) minSamples() uint64 {
	if s.MinSamples == 0 {
		return DefaultMinSamples
	}
	return uint64(s.MinSamples)
}

func (s *Slow) target(endpoint string) time.Duration {
	for i := range s.Routes {
		if s.Routes[i].Endpoint == endpoint {
			return s.Routes[i].Target
		}
	}
	if s.Target == 0 {
		return DefaultTarget
	}
	return s.Target
}

// reason returns why the endpoint is slow, "" if it is not.
func (s *Slow) reason(endpoint string, p95 time.Duration, samples uint64) string {
	target := s.target(endpoint)
	if p95 <= target || samples < s.minSamples() {
		return ""
	}
	over, most := duration.Distinct(p95, target)
	return "p95 " + over + " over target " + most + " (" + figure.Thousands(int64(samples)) + " samples)"
}
