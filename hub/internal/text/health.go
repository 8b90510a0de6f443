package text

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/duration"
)

// Health writes the status of the whole and a table of the checks.
func Health(w io.Writer, s term.Screen, a *health.Answer, now time.Time) error {
	_, err := fmt.Fprintln(w, strings.Join(HealthLines(s, a, now), "\n"))
	return err
}

// HealthLines returns the lines that Health writes.
func HealthLines(s term.Screen, a *health.Answer, now time.Time) []string {
	lines := []string{s.Paint(Overall(a), StatusStyle(a.Status))}
	if len(a.Checks) == 0 {
		return lines
	}
	t := healthTable(a, now)
	if !slices.ContainsFunc(t.Rows, func(row []term.Cell) bool { return row[2].Text != "" }) {
		t = t.Without(2) // a single run does not know since when
	}
	return append(lines, t.Lines(s)...)
}

// Overall returns the status of the whole and, unless it is healthy, the names of
// the checks that account for it.
func Overall(a *health.Answer) string {
	if len(a.Checks) == 0 {
		return a.Status.String() + ": no checks"
	}
	var unwell []string
	for _, name := range ByName(a.Checks) {
		c := a.Checks[name]
		if c.Status == health.Healthy || a.Status == health.Down && !(c.Critical && c.Status == health.Down) {
			continue
		}
		unwell = append(unwell, name)
	}
	all := figure.Plural(int64(len(a.Checks)), "check")
	if len(unwell) == 0 {
		return fmt.Sprintf("%s: %s", a.Status, all)
	}
	return fmt.Sprintf("%s: %s; %s in all", a.Status, strings.Join(unwell, ", "), all)
}

// ByName returns the names of checks in order.
func ByName(checks map[string]health.HealthCheck) []string { return slices.Sorted(maps.Keys(checks)) }

// healthTable has a row for each check, and under a service those of its own.
func healthTable(a *health.Answer, now time.Time) *term.Table {
	t := &term.Table{Columns: []term.Column{
		{Title: "name", Shrink: 24}, {Title: "status"}, term.OptionalNumber(2, "since"),
		term.OptionalNumber(1, "response ms"), {Title: "critical", Optional: 3}, {Title: "reason", Shrink: term.MinWidth},
	}}
	for _, name := range ByName(a.Checks) {
		c := a.Checks[name]
		style := StatusStyle(c.State)
		since, response, critical := "", "", ""
		if c.Since != nil {
			since = duration.Seconds(max(now.Sub(*c.Since), 0))
		}
		if c.State != health.Unknown || c.CheckedAt != nil {
			response = figure.Thousands(c.ResponseTimeMS)
		}
		if c.Critical {
			critical = "critical"
		}
		t.Add(term.Cell{Text: name}, term.Cell{Text: State(&c), Style: style}, term.Cell{Text: since}, term.Cell{Text: response},
			term.Cell{Text: critical}, term.Cell{Text: reason(&c), Style: style})
		for _, own := range ownChecks(c.Details) {
			style := wordStyle(own.status)
			t.Add(term.Cell{Text: "  " + own.name}, term.Cell{Text: own.status, Style: style}, term.Cell{},
				term.Cell{Text: own.response}, term.Cell{}, term.Cell{Text: own.reason, Style: style})
		}
	}
	return t
}

// State returns a check's status in words: colors add nothing to them.
func State(c *health.HealthCheck) string {
	text := c.State.String()
	if c.Flapping {
		text += ", flapping"
	}
	return text
}

func reason(c *health.HealthCheck) string {
	if c.Stuck {
		return strings.TrimPrefix(c.Reason+"; stuck", "; ")
	}
	return c.Reason
}

// StatusStyle returns the style in which a status is painted.
func StatusStyle(s health.Status) term.Style {
	switch s {
	case health.Down:
		return term.Red
	case health.Degraded:
		return term.Yellow
	case health.Unknown:
		return term.Dim
	}
	return term.Plain
}

// ownCheck is a check of a service, as the service reports it.
type ownCheck struct{ name, status, response, reason string }

// wordStyle is the style of a status that others wrote, which may be any word.
func wordStyle(word string) term.Style {
	var s health.Status
	if s.UnmarshalText([]byte(word)) != nil {
		return term.Plain
	}
	return StatusStyle(s)
}

// ownChecks returns those in the details of a service, by name: each is a status,
// or an object with one.
func ownChecks(details json.RawMessage) []ownCheck {
	var in struct {
		Checks map[string]json.RawMessage `json:"checks"`
	}
	_ = json.Unmarshal(details, &in) // details of another form have no checks
	var all []ownCheck
	for _, name := range slices.Sorted(maps.Keys(in.Checks)) {
		c := ownCheck{name: name}
		var own struct {
			Status         string `json:"status"`
			Reason         string `json:"reason"`
			ResponseTimeMS *int64 `json:"response_time_ms"`
		}
		if json.Unmarshal(in.Checks[name], &c.status) != nil && json.Unmarshal(in.Checks[name], &own) == nil {
			c.status, c.reason = own.Status, own.Reason
			if own.ResponseTimeMS != nil {
				c.response = figure.Thousands(*own.ResponseTimeMS)
			}
		}
		all = append(all, c)
	}
	return all
}
