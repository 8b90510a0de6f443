package wire

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/hist"
)

// HealthLog turns the runs of a registry's checks into health results to be stored:
// one a minute for each check, and one at once when its status changes. The results of
// a check follow each other without a gap, unless the check did not run. A HealthLog is
// safe for concurrent use.
type HealthLog struct {
	service string

	mu      sync.Mutex
	open    map[string]*openSpan
	closed  []HealthResult
	dropped uint64
}

// openSpan is the result that a check's runs go into.
type openSpan struct {
	HealthResult
	interval time.Duration // of the check
	fresh    bool          // its status is news: it does not wait for its minute
	ended    bool          // it lasts until the check was last known to be due
}

const (
	spanLength = int64(time.Minute / time.Millisecond)
	// overdue is how much later than two intervals after the one before a run may come on
	// a busy machine.
	overdue = 5 * time.Second
	// maxClosed bounds what waits to be taken.
	maxClosed = 4 * MaxHealth
)

// NewHealthLog returns a log of a service's checks, or of the hub's own if the
// service is "".
func NewHealthLog(service string) *HealthLog {
	return &HealthLog{service: service, open: make(map[string]*openSpan)}
}

// Observe adds a run. It is for health.Registry.Observe.
func (l *HealthLog) Observe(o health.Observation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.open[o.Name]
	if o.State.Status == health.Unknown {
		if s != nil {
			l.close(s)
			delete(l.open, o.Name)
		}
		return
	}
	at := min(max(o.At.UnixMilli(), 0), MaxStart)
	if s != nil {
		at = max(at, s.To) // clocks are set back
		// The process was suspended; the status meanwhile is unknown.
		if at-s.To > (2*o.Interval + overdue).Milliseconds() {
			l.close(s)
			s = nil
		}
	}
	if s != nil {
		for at-s.From > MaxSpan {
			s.To = s.From + MaxSpan
			l.close(s)
		}
		s.To = at
	}
	if s == nil || s.Status != o.State.Status || s.Flapping != o.State.Flapping || s.Critical != o.Critical {
		if s != nil {
			l.close(s)
		}
		s = &openSpan{fresh: true}
		s.Service, s.Check = l.service, o.Name
		s.Status, s.Flapping, s.Critical = o.State.Status, o.State.Flapping, o.Critical
		s.From, s.To = at, at
		l.open[o.Name] = s
	}
	s.interval, s.ended = o.Interval, false
	s.Latency.Record(int64(o.Latency))
	if o.Result.Status != health.Healthy {
		s.Failures++
		s.Reason = Clean(o.Reason, MaxReason)
	}
	s.Details = string(o.Details)
}

// close makes the span a result, which Take will return, and begins the next span at
// its end.
func (l *HealthLog) close(s *openSpan) {
	s.fresh = false
	if s.To == s.From && s.Latency.Count() == 0 {
		return
	}
	if len(l.closed) == maxClosed {
		l.closed = slices.Delete(l.closed, 0, 1)
		l.dropped++
	}
	l.closed = append(l.closed, s.HealthResult)
	s.From, s.Failures = s.To, 0
	if s.Status == health.Healthy {
		s.Reason = "" // otherwise it remains the reason
	}
	s.Latency = hist.Histogram{}
}

// end extends the span until now: a status holds until the next run.
func (s *openSpan) end(now int64) {
	if !s.ended && now > s.To && now-s.To <= (2*s.interval).Milliseconds() && now-s.From <= MaxSpan {
		s.To = now
	}
	s.ended = true
}

// Take removes and returns the results that are due, or, if all is set, those of spans
// that are still open as well, up to now. It returns at most MaxHealth of them, earliest
// first; the next call returns the rest.
func (l *HealthLog) Take(all bool) []HealthResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, s := range l.open {
		if all {
			s.end(now)
		}
		if all || s.fresh || s.To-s.From >= spanLength {
			l.close(s)
		}
	}
	n := min(len(l.closed), MaxHealth)
	if n == 0 {
		return nil
	}
	taken := slices.Clone(l.closed[:n])
	l.closed = slices.Delete(l.closed, 0, n)
	slices.SortStableFunc(taken, func(a, b HealthResult) int { return cmp.Compare(a.From, b.From) })
	return taken
}

// Dropped returns how many results were dropped because Take was not called in time.
func (l *HealthLog) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Forget ends the span of a check that was removed.
func (l *HealthLog) Forget(check string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.open[check]; s != nil {
		l.close(s)
		delete(l.open, check)
	}
}

// Heartbeat returns the health results of a heartbeat: the present status of the
// service first, and then that of each check, at most MaxHealth in all.
func Heartbeat(service string, r health.Report) []HealthResult {
	now := min(max(r.Time.UnixMilli(), 0), MaxStart)
	results := []HealthResult{{Service: service, Status: r.Status, From: now, To: now}}
	for i := range r.Checks[:min(len(r.Checks), MaxHealth-1)] {
		c := &r.Checks[i]
		h := HealthResult{
			Service: service, Check: c.Name, Status: c.Status, Flapping: c.Flapping, Critical: c.Critical,
			From: now, To: now, Reason: Clean(c.Reason, MaxReason), Details: string(c.Details),
		}
		if !c.Since.IsZero() {
			h.From = min(max(c.Since.UnixMilli(), 0), now)
		}
		if c.Runs > 0 {
			h.Latency.Record(int64(c.Latency))
		}
		results = append(results, h)
	}
	return results
}
