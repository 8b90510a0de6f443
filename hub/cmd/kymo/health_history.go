package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
)

// printHistory prints how one check did: now, in numbers, and each change.
func printHistory(w io.Writer, s screen, h *report.History) error {
	lines := []string{
		windowLine(h.Window),
		fmt.Sprintf("%s: %s now; %s", h.Name, s.paint(h.Status, wordStyle(h.Status)), uptimeText(h)),
	}
	if h.Checks > 0 {
		t := table{columns: []column{right("checks"), right("failures"), optional(1, "mean ms"), right("p50 ms"),
			right("p95 ms"), right("p99 ms"), optional(2, "max ms")}}
		failures := cell{text: thousands(int64(h.Failures))}
		if h.Failures > 0 {
			failures.style = red
		}
		t.add(cell{text: thousands(int64(h.Checks))}, failures,
			cell{text: threeDigits(h.AvgResponseTime)}, cell{text: threeDigits(h.P50ResponseTime)},
			cell{text: threeDigits(h.P95ResponseTime)}, cell{text: threeDigits(h.P99ResponseTime)},
			cell{text: threeDigits(h.MaxResponseTime)})
		lines = append(lines, t.lines(s)...)
	}
	lines = append(lines, "")
	if len(h.Transitions) == 0 {
		lines = append(lines, "No transitions in this window.")
	} else {
		lines = append(lines, transitionTable(h).lines(s)...)
	}
	if more := h.TransitionsTotal - len(h.Transitions); more > 0 {
		lines = append(lines, plural(int64(more), "more transition")+"; see them with a smaller --hours.")
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// uptimeText says of how much of the time is known what.
func uptimeText(h *report.History) string {
	if h.UptimePercent == nil {
		return "nobody looked"
	}
	text := fmt.Sprintf("uptime %s %%", percent(*h.UptimePercent/100))
	if h.KnownPercent < 100 {
		text += fmt.Sprintf(" of the %s %% of the time in which somebody looked", percent(h.KnownPercent/100))
	}
	return text
}

func transitionTable(h *report.History) *table {
	t := &table{columns: []column{{title: "at (UTC)"}, {title: "from", optional: 1}, {title: "to"},
		right("lasted"), {title: "reason", shrink: leastShrunk}}}
	for _, one := range h.Transitions {
		style, to := wordStyle(one.To), one.To
		if one.Flapping {
			to += ", flapping"
		}
		t.add(cell{text: one.At.UTC().Format(time.DateTime)}, cell{text: one.From}, cell{to, style},
			cell{text: span(one.LastedMS)}, cell{one.Reason, style})
	}
	return t
}

// span writes milliseconds for people: 820 ms, 12 s, 3 min 5 s.
func span(ms int64) string {
	if ms < 1000 {
		return strconv.FormatInt(ms, 10) + " ms"
	}
	return seconds(time.Duration(ms) * time.Millisecond)
}
