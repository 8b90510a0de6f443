package text

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/duration"
)

// History writes how one check did in a window: its status now, its numbers, and
// each transition.
func History(w io.Writer, s term.Screen, h *report.History) error {
	lines := []string{
		Window(h.Window),
		fmt.Sprintf("%s: %s now; %s", h.Name, s.Paint(h.Status, wordStyle(h.Status)), uptimeText(h)),
	}
	if len(h.Maintenance) > 0 {
		lines = append(lines, maintenanceText(h.Maintenance))
	}
	if h.Checks > 0 {
		t := term.Table{Columns: []term.Column{term.Number("checks"), term.Number("failures"), term.OptionalNumber(1, "mean ms"),
			term.Number("p50 ms"), term.Number("p95 ms"), term.Number("p99 ms"), term.OptionalNumber(2, "max ms")}}
		failures := term.Cell{Text: figure.Thousands(int64(h.Failures))}
		if h.Failures > 0 {
			failures.Style = term.Red
		}
		t.Add(term.Cell{Text: figure.Thousands(int64(h.Checks))}, failures, number(h.AvgResponseTime), number(h.P50ResponseTime),
			number(h.P95ResponseTime), number(h.P99ResponseTime), number(h.MaxResponseTime))
		lines = append(lines, t.Lines(s)...)
	}
	lines = append(lines, "")
	if len(h.Transitions) == 0 {
		lines = append(lines, "No transitions in this window.")
	} else {
		lines = append(lines, transitionTable(h).Lines(s)...)
	}
	if more := h.TransitionsTotal - len(h.Transitions); more > 0 {
		lines = append(lines, figure.Plural(int64(more), "more transition")+"; see them with a smaller --hours.")
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// uptimeText tells how much of the time is covered by results, and the uptime in it.
func uptimeText(h *report.History) string {
	if h.UptimePercent == nil {
		if len(h.Maintenance) > 0 {
			return "no results outside of maintenance"
		}
		return "no results"
	}
	text := fmt.Sprintf("uptime %s %%", figure.Percent(*h.UptimePercent/100))
	if h.KnownPercent < 100 {
		text += fmt.Sprintf(" of the %s %% of the time that has results", figure.Percent(h.KnownPercent/100))
	}
	return text
}

// maintenanceText tells for how long the check was in maintenance.
func maintenanceText(all []report.Maintenance) string {
	var names []string
	total := int64(0)
	for _, m := range all {
		total += m.To - m.From
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return fmt.Sprintf("in maintenance for %s (%s), which is not in the uptime",
		duration.Text(time.Duration(total)*time.Millisecond), strings.Join(names, ", "))
}

func transitionTable(h *report.History) *term.Table {
	t := &term.Table{Columns: []term.Column{{Title: "at (UTC)"}, {Title: "from", Optional: 1}, {Title: "to"},
		term.Number("lasted"), {Title: "reason", Shrink: term.MinWidth}}}
	for _, one := range h.Transitions {
		style, to := wordStyle(one.To), one.To
		if one.Flapping {
			to += ", flapping"
		}
		t.Add(term.Cell{Text: one.At.UTC().Format(time.DateTime)}, term.Cell{Text: one.From}, term.Cell{Text: to, Style: style},
			term.Cell{Text: duration.Text(time.Duration(one.LastedMS) * time.Millisecond)}, term.Cell{Text: one.Reason, Style: style})
	}
	return t
}
