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
//
// The newest runs that found the same status are in a result of their own, whose details
// have that status if it is another than the check's: a hub that starts again reads from
// it how many there were in a row (RunStatus). Runs from before the first status are
// counted in its first result.
type HealthLog struct {
	service string

	mu      sync.Mutex
	open    map[string]*openSpan
	closed  []HealthResult
	dropped uint64
}

// openSpan is the result that a check's runs go into.
type openSpan struct {
	HealthResult               // Status is Unknown before the first status; then only the runs count
	interval     time.Duration // of the check
	fresh        bool          // its status is news: it does not wait for its minute
	ended        bool          // it lasts until the check was last known to be due
	runs         int           // in the result
	found        health.Status // by all of them, unless it is flapping
	earlier      *HealthResult // the runs of the span before those; nil if there are none
	foundEarlier health.Status // by all of those; Unknown if they differ
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
func (l *HealthLog) Observe(o health.Observation) { l.observe(&o, l.service, o.Name, true) }

// ObserveStatus adds the status of a check whose runs are not known.
func (l *HealthLog) ObserveStatus(o health.Observation) { l.observe(&o, l.service, o.Name, false) }

// ObserveService adds the status of a service by its heartbeats. It is a result of the
// service as a whole, without runs, unless the check has another name than the service.
func (l *HealthLog) ObserveService(service string, o health.Observation) {
	if o.Name == service {
		l.observe(&o, service, "", false)
	} else {
		l.observe(&o, l.service, o.Name, false)
	}
}

func (l *HealthLog) observe(o *health.Observation, service, check string, counts bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.open[o.Name]
	if s != nil && s.Status != health.Unknown && !l.goesOn(s, o) {
		l.close(s)
		s = nil
		delete(l.open, o.Name)
	}
	if s == nil {
		s = &openSpan{}
		s.Service, s.Check = service, check
		l.open[o.Name] = s
	}
	s.interval, s.ended = o.Interval, false
	if o.State.Status == health.Unknown {
		if counts && o.Result.Status != health.Unknown {
			l.count(s, o, 0)
		}
		return
	}
	at := max(instantOf(o), s.To) // clocks are set back
	if s.Status == health.Unknown {
		s.begin(o, at)
	} else if s.Status != o.State.Status || s.Flapping != o.State.Flapping || s.Critical != o.Critical ||
		s.Service != service || s.Check != check {
		s.To = at
		l.close(s)
		s = &openSpan{interval: o.Interval}
		s.Service, s.Check = service, check
		s.begin(o, at)
		l.open[o.Name] = s
	}
	if counts {
		l.count(s, o, s.To)
	} else {
		s.runs++
	}
	s.To = at
	if o.Result.Status != health.Healthy {
		s.Reason = Clean(o.Reason, MaxReason)
	}
	s.Details = WithExplainedBy(string(o.Details), o.ExplainedBy)
}

// instantOf returns when a run ended, in Unix milliseconds.
func instantOf(o *health.Observation) int64 { return min(max(o.At.UnixMilli(), 0), MaxStart) }

// goesOn reports whether a span goes on until a run: the status is known, and the process
// was not suspended meanwhile. It cuts a span that gets too long.
func (l *HealthLog) goesOn(s *openSpan, o *health.Observation) bool {
	at := max(instantOf(o), s.To)
	if o.State.Status == health.Unknown || at-s.To > (2*o.Interval+overdue).Milliseconds() {
		return false
	}
	for at-s.From > MaxSpan {
		s.To = s.From + MaxSpan
		l.close(s)
	}
	return true
}

// begin begins a span with a status.
func (s *openSpan) begin(o *health.Observation, at int64) {
	s.Status, s.Flapping, s.Critical = o.State.Status, o.State.Flapping, o.Critical
	s.From, s.To, s.fresh = at, at, true
	if e := s.earlier; e != nil {
		e.Status, e.Flapping, e.Critical = s.Status, s.Flapping, s.Critical
		e.From, e.To = at, at
	}
}

// count counts a run that follows one at the instant before. If they found different
// statuses, a new result begins there.
func (l *HealthLog) count(s *openSpan, o *health.Observation, before int64) {
	if s.runs > 0 && o.Result.Status != s.found && !s.Flapping {
		l.split(s, before)
	}
	s.runs++
	s.found = o.Result.Status
	s.Latency.Record(int64(o.Latency))
	if s.found != health.Healthy {
		s.Failures++
	}
}

// split sets the runs of a span up to an instant apart.
func (l *HealthLog) split(s *openSpan, at int64) {
	s.To = at
	if e := s.earlier; e != nil && at-e.From <= MaxSpan {
		e.To, e.Reason, e.Details = at, cmp.Or(s.Reason, e.Reason), s.Details
		e.Failures += s.Failures
		e.Latency.Merge(&s.Latency)
		s.foundEarlier = health.Unknown
	} else {
		if e != nil {
			l.add(*e, s.foundEarlier)
		}
		earlier := s.HealthResult
		s.earlier, s.foundEarlier = &earlier, s.found
	}
	s.restart()
}

// restart begins the next result of a span at the end of the one before.
func (s *openSpan) restart() {
	s.From, s.Failures, s.runs = s.To, 0, 0
	if s.Status == health.Healthy {
		s.Reason = "" // otherwise it remains the reason
	}
	s.Latency = hist.Histogram{}
}

// close makes the span results, which Take will return, and begins the next span at
// its end.
func (l *HealthLog) close(s *openSpan) {
	s.fresh = false
	if s.earlier != nil {
		l.add(*s.earlier, s.foundEarlier)
		s.earlier = nil
	}
	if s.To == s.From && s.runs == 0 {
		return
	}
	found := s.found
	if s.runs == 0 || s.Flapping {
		found = health.Unknown
	}
	l.add(s.HealthResult, found)
	s.restart()
}

// add adds a result to those that Take returns, with the status that its runs found, or
// Unknown. If there are too many, the oldest is dropped.
func (l *HealthLog) add(r HealthResult, found health.Status) {
	if found != health.Unknown && found != r.Status {
		r.Details = withRunStatus(r.Details, found)
	}
	if len(l.closed) == maxClosed {
		l.closed = slices.Delete(l.closed, 0, 1)
		l.dropped++
	}
	l.closed = append(l.closed, r)
}

// end extends the span until now: a status holds until the next run.
func (s *openSpan) end(now int64) {
	if !s.ended && now > s.To && now-s.To <= (2*s.interval).Milliseconds() && now-s.From <= MaxSpan {
		s.To = now
	}
	s.ended = true
}

// began returns when the span began.
func (s *openSpan) began() int64 {
	if s.earlier != nil {
		return s.earlier.From
	}
	return s.From
}

// Take removes and returns the results that are due, or, if all is set, those of spans
// that are still open as well, up to now. It returns at most MaxHealth of them, earliest
// first; the next call returns the rest.
func (l *HealthLog) Take(all bool) []HealthResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, s := range l.open {
		if s.Status == health.Unknown {
			continue
		}
		if all {
			s.end(now)
		}
		if all || s.fresh || s.To-s.began() >= spanLength {
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
	if s := l.open[check]; s != nil && s.Status != health.Unknown {
		l.close(s)
	}
	delete(l.open, check)
}

// Left ends the span of a service that left, like Forget, with a result for which HasLeft
// is true. If its status is not known, that result is degraded.
func (l *HealthLog) Left(service, check string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := min(max(at.UnixMilli(), 0), MaxStart)
	if s := l.open[check]; s != nil && s.Status != health.Unknown {
		if end > s.To && end-s.From <= MaxSpan {
			s.To = end
		}
		s.Details = left
		s.runs++
		l.close(s)
		delete(l.open, check)
		return
	}
	delete(l.open, check)
	r := HealthResult{Service: service, Status: health.Degraded, Reason: "its last instance stopped", Details: left}
	if check != service {
		r.Service, r.Check = l.service, check
	}
	r.From, r.To = end, end
	l.add(r, health.Unknown)
}

// left are the details of a service that left: it has no instances.
const left = `{"instances":0}`

// HasLeft reports whether the result of a service is the one that Left adds.
func (h *HealthResult) HasLeft() bool { return h.Details == left }

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
