package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
)

// printHealth prints how everything stands: a line on the whole, then the checks.
func printHealth(w io.Writer, s screen, a *health.Answer, now time.Time) error {
	_, err := fmt.Fprintln(w, strings.Join(healthLines(s, a, now), "\n"))
	return err
}

func healthLines(s screen, a *health.Answer, now time.Time) []string {
	lines := []string{s.paint(overall(a), statusStyle(a.Status))}
	if len(a.Checks) == 0 {
		return lines
	}
	t := healthTable(a, now)
	if !slices.ContainsFunc(t.rows, func(row []cell) bool { return row[2].text != "" }) {
		t = t.without(2) // a single look does not know since when
	}
	return append(lines, t.lines(s)...)
}

// overall says how the whole stands and, if it is not well, which checks account for it.
func overall(a *health.Answer) string {
	if len(a.Checks) == 0 {
		return a.Status.String() + ": no checks"
	}
	var unwell []string
	for _, name := range byName(a.Checks) {
		c := a.Checks[name]
		if c.Status == health.Healthy || a.Status == health.Down && !(c.Critical && c.Status == health.Down) {
			continue
		}
		unwell = append(unwell, name)
	}
	all := plural(int64(len(a.Checks)), "check")
	if len(unwell) == 0 {
		return fmt.Sprintf("%s: %s", a.Status, all)
	}
	return fmt.Sprintf("%s: %s; %s in all", a.Status, strings.Join(unwell, ", "), all)
}

func byName(checks map[string]health.HealthCheck) []string { return slices.Sorted(maps.Keys(checks)) }

// healthTable has a row for each check, and under a service those of its own.
func healthTable(a *health.Answer, now time.Time) *table {
	t := &table{columns: []column{
		{title: "name", shrink: 24}, {title: "status"}, {title: "since", right: true, optional: 2},
		optional(1, "response ms"), {title: "critical", optional: 3}, {title: "reason", shrink: leastShrunk},
	}}
	for _, name := range byName(a.Checks) {
		c := a.Checks[name]
		style := statusStyle(c.State)
		since, response, critical := "", "", ""
		if c.Since != nil {
			since = seconds(max(now.Sub(*c.Since), 0))
		}
		if c.State != health.Unknown || c.CheckedAt != nil {
			response = thousands(c.ResponseTimeMS)
		}
		if c.Critical {
			critical = "critical"
		}
		t.add(cell{text: name}, cell{stateText(&c), style}, cell{text: since}, cell{text: response},
			cell{text: critical}, cell{reasonText(&c), style})
		for _, own := range ownChecks(c.Details) {
			style := wordStyle(own.status)
			t.add(cell{text: "  " + own.name}, cell{own.status, style}, cell{}, cell{text: own.response}, cell{}, cell{own.reason, style})
		}
	}
	return t
}

// stateText is a check's status in words: colours add nothing to them.
func stateText(c *health.HealthCheck) string {
	text := c.State.String()
	if c.Flapping {
		text += ", flapping"
	}
	return text
}

func reasonText(c *health.HealthCheck) string {
	if c.Stuck {
		return strings.TrimPrefix(c.Reason+"; stuck", "; ")
	}
	return c.Reason
}

func statusStyle(s health.Status) style {
	switch s {
	case health.Down:
		return red
	case health.Degraded:
		return yellow
	case health.Unknown:
		return dim
	}
	return plain
}

// ownCheck is a check of a service, as the service reports it.
type ownCheck struct{ name, status, response, reason string }

// wordStyle is the style of a status that others wrote, which may be any word.
func wordStyle(word string) style {
	var s health.Status
	if s.UnmarshalText([]byte(word)) != nil {
		return plain
	}
	return statusStyle(s)
}

// ownChecks are those in the details of a service, by name: each a status, or an
// object with one.
func ownChecks(details json.RawMessage) []ownCheck {
	var in struct {
		Checks map[string]json.RawMessage `json:"checks"`
	}
	_ = json.Unmarshal(details, &in) // details of another form have no checks
	var all []ownCheck
	for _, name := range slices.Sorted(maps.Keys(in.Checks)) {
		c := ownCheck{name: name}
		var said struct {
			Status, Reason string
			ResponseTimeMS *int64 `json:"response_time_ms"`
		}
		if json.Unmarshal(in.Checks[name], &c.status) != nil && json.Unmarshal(in.Checks[name], &said) == nil {
			c.status, c.reason = said.Status, said.Reason
			if said.ResponseTimeMS != nil {
				c.response = thousands(*said.ResponseTimeMS)
			}
		}
		all = append(all, c)
	}
	return all
}
