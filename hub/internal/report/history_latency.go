package report

import (
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// latencyParts sums up how long runs took in each equal part of a window.
type latencyParts struct {
	window rollup.Window
	parts  [60]struct {
		checks uint64
		sum    float64 // nanoseconds
		max    int64
	}
}

// add counts the runs of a result to the part in which its span begins. A span
// is at most an hour and usually a minute, which is accurate enough for a
// chart.
func (l *latencyParts) add(r *store.HealthRecord) {
	n := r.Latency.Count()
	if n == 0 || l.window.From >= l.window.To {
		return
	}
	at := (max(r.From, l.window.From) - l.window.From) * int64(len(l.parts)) / (l.window.To - l.window.From)
	p := &l.parts[min(at, int64(len(l.parts))-1)]
	p.checks += n
	p.sum += r.Latency.Sum()
	p.max = max(p.max, r.Latency.Max())
}

// list returns the parts that had runs, the earliest first.
func (l *latencyParts) list() []RunTimes {
	times := []RunTimes{}
	for i := range l.parts {
		p := &l.parts[i]
		if p.checks == 0 {
			continue
		}
		times = append(times, RunTimes{
			At:     l.window.From + (l.window.To-l.window.From)*int64(i)/int64(len(l.parts)),
			Checks: p.checks, Avg: ms(p.sum / float64(p.checks)), Max: ms(float64(p.max)),
		})
	}
	return times
}
