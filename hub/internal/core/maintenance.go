package core

import (
	"slices"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/internal/wire"
)

// windows are the maintenance windows of the configuration. What was in force is stored,
// so that the history stays true after the configuration changed.
type windows struct {
	mu      sync.Mutex
	held    []*heldWindow
	waiting []wire.HealthResult // to be stored
}

// heldWindow is a window and what of it counts.
type heldWindow struct {
	*maintenance.Schedule
	// since is when the hub got the window. One that recurs counts from then on, together
	// with the time of it that was under way; a single one always counts.
	since time.Time
	// written is up to when it is stored, in Unix milliseconds.
	written int64
}

// rowEvery is how long a window is in force until more of it is stored.
const rowEvery = int64(time.Minute / time.Millisecond)

// schedulesOf returns the windows of a validated configuration.
func schedulesOf(conf *config.Config) (all []*maintenance.Schedule, err error) {
	for i := range conf.Maintenance {
		s, err := maintenance.Parse(&conf.Maintenance[i])
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// set replaces the windows by others, which are known since an instant. What was in force
// of those before is stored up to now. One that is unchanged goes on.
func (w *windows) set(schedules []*maintenance.Schedule, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make([]*heldWindow, len(schedules))
	for i, s := range schedules {
		next[i] = &heldWindow{Schedule: s, since: since, written: since.Add(-memoryAge).UnixMilli()}
		if at := slices.IndexFunc(w.held, func(h *heldWindow) bool { return h.Same(s) }); at >= 0 {
			next[i].since, next[i].written = w.held[at].since, w.held[at].written
			w.held = slices.Delete(w.held, at, at+1)
		}
	}
	for _, h := range w.held {
		w.waiting = append(w.waiting, h.rows(time.Now(), true)...)
	}
	w.held = next
}

// spans returns what counts of a window in [from, to).
func (h *heldWindow) spans(from, to time.Time) []maintenance.Span {
	spans := h.Spans(from, to)
	if h.Recurs() {
		since := h.since.UnixMilli()
		spans = slices.DeleteFunc(spans, func(s maintenance.Span) bool { return s.To <= since })
	}
	return spans
}

// rows returns the results as which the window is to be stored as far as it was in force up
// to now: while it goes on, if it began or has gone on for a minute, or if all is set.
func (h *heldWindow) rows(now time.Time, all bool) (rows []wire.HealthResult) {
	waits := false
	for _, s := range h.spans(time.UnixMilli(h.written), now) {
		from, to := max(s.From, h.written), min(s.To, now.UnixMilli())
		if goesOn := s.To > to; goesOn && from > s.From && to-from < rowEvery && !all {
			waits = true
			continue
		}
		for from < to {
			h.written = min(to, from+wire.MaxSpan)
			rows = append(rows, s.Row(from, h.written))
			from = h.written
		}
	}
	if !waits {
		h.written = max(h.written, now.UnixMilli())
	}
	return rows
}

// take removes and returns results as which windows are to be stored, at most wire.MaxHealth
// of them. See rows.
func (w *windows) take(now time.Time, all bool) []wire.HealthResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.held {
		w.waiting = append(w.waiting, h.rows(now, all)...)
	}
	n := min(len(w.waiting), wire.MaxHealth)
	rows := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	return rows
}

// between returns what the configuration has of windows in [from, to).
func (w *windows) between(from, to time.Time) (spans []maintenance.Span) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.held {
		spans = append(spans, h.spans(from, to)...)
	}
	return spans
}

// inMaintenance fills in which windows are in force now.
func (c *checks) inMaintenance(r *health.Report) {
	now := time.Now()
	spans := c.history.windows.between(now, now.Add(time.Millisecond))
	if len(spans) == 0 {
		return
	}
	for i := range r.Checks {
		check := &r.Checks[i]
		what := maintenance.Own(check.Name)
		if service := c.judged(check.Name); service != "" && service != check.Name {
			what = append(what, maintenance.Check{Service: service})
		}
		if in := maintenance.Merge(spans, what, now.UnixMilli(), now.UnixMilli()+1); len(in) > 0 {
			check.Maintenance = in[0].Name
		}
	}
}
