package report

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
)

// Bridge is the longest time between two results that does not count as unknown: a
// restart takes some seconds. Results of one process follow each other without a gap,
// unless it was suspended.
const Bridge = 15 * time.Second

// History describes one check in a window. Shares are of the time that is
// known and not in maintenance, except for KnownPercent.
type History struct {
	Name   string `json:"name" doc:"The check: a name of the hub's own, a service's, or service/check." example:"database"`
	Status string `json:"status" enum:"healthy,degraded,down,unknown" doc:"The present status." example:"healthy"`

	UptimePercent   *float64 `json:"uptime_percent" doc:"Share of the known time outside of maintenance in which it was not down; null if nothing is known." example:"99.93"`
	KnownPercent    float64  `json:"known_percent" doc:"Share of the window, outside of maintenance, for which there are results." example:"100"`
	HealthyPercent  float64  `json:"healthy_percent" doc:"Share of the known time in which it was healthy." example:"99.8"`
	DegradedPercent float64  `json:"degraded_percent" doc:"Share of the known time in which it was degraded." example:"0.13"`
	DownPercent     float64  `json:"down_percent" doc:"Share of the known time in which it was down." example:"0.07"`

	Checks   uint64 `json:"checks" doc:"How many runs could tell a status. A service that is judged by its heartbeats has none." example:"8640"`
	Failures uint64 `json:"failures" doc:"How many of them were not healthy." example:"6"`
	ResponseTimes

	Latency []RunTimes `json:"latency" nullable:"false" doc:"How long the runs took over time: the window in 60 parts, without those that had no runs."`

	Transitions      []Transition  `json:"transitions" nullable:"false" doc:"The changes of the status, the newest first."`
	TransitionsTotal int           `json:"transitions_total" doc:"The number of transitions without the limit." example:"2"`
	Segments         []Stretch     `json:"segments" nullable:"false" doc:"The check's status over time, from the first instant of the window that is known, the earliest first and without gaps. If there are more than 2000, the newest; the limit does not apply to them."`
	Maintenance      []Maintenance `json:"maintenance,omitempty" doc:"When the check was in maintenance in the window, the earliest first and without overlaps. That time is in no share."`
	Window           Window        `json:"window"`
}

// RunTimes is how long the runs of a check took in one part of the window.
type RunTimes struct {
	At     int64   `json:"at" doc:"When the part begins, Unix milliseconds." example:"1795430400000"`
	Checks uint64  `json:"checks" doc:"How many runs there were." example:"144"`
	Avg    float64 `json:"avg" doc:"Mean duration of a run, ms." example:"1.4"`
	Max    float64 `json:"max" doc:"Longest duration of a run, ms." example:"12.9"`
}

// Transition is a change of a check's status.
type Transition struct {
	At       time.Time       `json:"at" doc:"When it was detected, UTC." example:"2026-11-23T10:15:30Z"`
	From     string          `json:"from" enum:"healthy,degraded,down,unknown" doc:"The status before." example:"healthy"`
	To       string          `json:"to" enum:"healthy,degraded,down,unknown" doc:"Unknown is time without results." example:"down"`
	Reason   string          `json:"reason" doc:"Why it is not healthy." example:"connection refused"`
	Flapping bool            `json:"flapping" doc:"Whether the status changes back and forth." example:"false"`
	Details  json.RawMessage `json:"details,omitempty" doc:"What the run measured." example:"{\"connections\":7}"`
	// ExplainedBy is that of the stretch that begins here.
	ExplainedBy string `json:"explained_by,omitempty" doc:"The check whose failure explains the status." example:"database"`
	LastedMS    int64  `json:"lasted_ms" doc:"How long the status lasted, until the next transition or the end of the time that is known." example:"42000"`
}

// maxStretches bounds a history's segments: a screen has no pixels for more.
const maxStretches = 2000

// Stretch is a stretch of time, [from, to), with one status.
type Stretch struct {
	From   int64  `json:"from" doc:"When it begins, Unix milliseconds." example:"1795428930000"`
	To     int64  `json:"to" doc:"The first instant after it, Unix milliseconds." example:"1795428972000"`
	Status string `json:"status" enum:"healthy,degraded,down,unknown" doc:"The status. Unknown is time without results." example:"down"`
	Reason string `json:"reason" doc:"Why it was not healthy." example:"connection refused"`

	ExplainedBy string `json:"explained_by,omitempty" doc:"The check whose failure explains the status." example:"database"`
	Maintenance string `json:"maintenance,omitempty" doc:"The maintenance window that was in force. The status is what it would be without." example:"weekly"`
}

// Maintenance is a stretch of time, [from, to), in a maintenance window.
type Maintenance struct {
	Name string `json:"name" doc:"The window; of several at the same time, the one that began first." example:"weekly"`
	From int64  `json:"from" doc:"When it begins, Unix milliseconds." example:"1795428930000"`
	To   int64  `json:"to" doc:"The first instant after it, Unix milliseconds." example:"1795432530000"`
}

// segment is a stretch of time with the result that gave it its status.
type segment struct {
	from, to int64
	status   health.Status
	cause    *store.HealthRecord // the result that brought the status; nil for unknown

	maintenance string // the window that the segment is in; see split
	explainedBy string // the check that explains the status, by the first result that names one
}

// ReadHistory sums up the results of one check in a window, which are ordered
// by the beginning of their span. If they are of several instances, the worst
// status at each instant counts. The history has at most limit transitions. Time
// in maintenance, which is within the window, in order and without overlaps, is in
// no share. Any error is the iterator's.
func ReadHistory(name string, results iter.Seq2[*store.HealthRecord, error], window rollup.Window, limit int, maintenance []Maintenance) (*History, error) {
	return readHistory(name, results, window, limit, Bridge.Milliseconds(), maintenance)
}

func readHistory(name string, results iter.Seq2[*store.HealthRecord, error], window rollup.Window, limit int, bridge int64, maintenance []Maintenance) (*History, error) {
	h := &History{Name: name, Transitions: []Transition{}, Maintenance: maintenance, Window: windowOf(window)}
	var latency hist.Histogram
	parts := latencyParts{window: window}
	var records []*store.HealthRecord
	for r, err := range results {
		if err != nil {
			return nil, err
		}
		latency.Merge(&r.Latency)
		parts.add(r)
		h.Failures += r.Failures
		// Without their histograms, weeks of results take little memory.
		bare := *r
		bare.Latency = hist.Histogram{}
		records = append(records, &bare)
	}
	h.Latency = parts.list()
	h.Checks = latency.Count()
	h.ResponseTimes, _ = responseTimes(&latency)

	segments := timeline(records, window, bridge)
	h.transitions(segments, limit)
	pieces := split(segments, maintenance)
	h.shares(pieces, window)
	h.Segments = stretches(pieces)
	h.Status = health.Unknown.String()
	if n := len(segments); n > 0 {
		h.Status = segments[n-1].status.String()
	}
	return h, nil
}

// Latest returns the status that a check has at the end of its results in a window, and
// from which instant on (Unix milliseconds) they show that it had it. The results are
// ordered by the beginning of their span. Without any, the status is unknown.
func Latest(results []*store.HealthRecord, window rollup.Window) (status health.Status, since int64) {
	segments := timeline(results, window, Bridge.Milliseconds())
	for _, s := range slices.Backward(segments) {
		if s.status != health.Unknown {
			return s.status, s.from
		}
	}
	return health.Unknown, 0
}

// shares fills in the percentages. The segments are split by maintenance.
func (h *History) shares(segments []segment, window rollup.Window) {
	var spent [health.Down + 1]int64
	for _, s := range segments {
		if s.maintenance == "" {
			spent[s.status] += s.to - s.from
		}
	}
	whole := window.To - window.From
	for _, m := range h.Maintenance {
		whole -= m.To - m.From
	}
	known := spent[health.Healthy] + spent[health.Degraded] + spent[health.Down]
	if known == 0 {
		return
	}
	percent := func(part, whole int64) float64 { return 100 * float64(part) / float64(whole) }
	h.KnownPercent = percent(known, whole)
	h.HealthyPercent = percent(spent[health.Healthy], known)
	h.DegradedPercent = percent(spent[health.Degraded], known)
	h.DownPercent = percent(spent[health.Down], known)
	uptime := percent(known-spent[health.Down], known)
	h.UptimePercent = &uptime
}

// transitions lists where one segment follows another, the newest first.
func (h *History) transitions(segments []segment, limit int) {
	h.TransitionsTotal = max(len(segments)-1, 0)
	for i := len(segments) - 1; i > 0 && len(h.Transitions) < limit; i-- {
		s := segments[i]
		t := Transition{
			At: time.UnixMilli(s.from).UTC(), From: segments[i-1].status.String(), To: s.status.String(), LastedMS: s.to - s.from,
		}
		t.Reason, t.ExplainedBy = s.reason(), s.explainedBy
		if s.cause != nil {
			t.Flapping = s.cause.Flapping
			if s.cause.Details != "" {
				t.Details = json.RawMessage(s.cause.Details)
			}
		}
		h.Transitions = append(h.Transitions, t)
	}
}

// stretches returns the newest of the segments in the form of the answer.
func stretches(segments []segment) []Stretch {
	segments = segments[max(len(segments)-maxStretches, 0):]
	all := make([]Stretch, len(segments))
	for i, s := range segments {
		all[i] = Stretch{From: s.from, To: s.to, Status: s.status.String(), Reason: s.reason(), ExplainedBy: s.explainedBy, Maintenance: s.maintenance}
	}
	return all
}

// reason returns why the check was not healthy, "" if it was. A healthy span
// keeps the reason of a run that failed in it.
func (s *segment) reason() string {
	if s.cause == nil || s.status == health.Healthy {
		return ""
	}
	by := "explained by " + s.explainedBy
	if s.explainedBy == "" || strings.Contains(s.cause.Reason, by) {
		return s.cause.Reason
	}
	return strings.TrimPrefix(s.cause.Reason+"; "+by, "; ")
}
