// Package text writes what a hub answers, and what a command has done, for people,
// as tables and lines: Report and Endpoints for the numbers, Health for the status
// of everything, History for one check, Changes for what differs between two
// answers, Copied and Imported for the results of kymo copy and kymo import. It does
// no other I/O and reads no clock; package term lays out what it writes.
package text

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Report writes a report: the numbers of the whole, those of the slowest
// endpoints, and how far to trust them.
func Report(w io.Writer, s term.Screen, p *report.Performance) error {
	if p.TotalRequests == 0 {
		_, err := fmt.Fprint(w, noRequests+dropsLine(p.Trust))
		return err
	}
	total := term.Table{Columns: numberColumns()}
	total.Add(
		term.Cell{Text: figure.Thousands(int64(p.TotalRequests))},
		ErrorCell(p.ErrorRate), term.Cell{Text: figure.Percent(p.ClientErrorRate)}, number(p.AvgResponseTime),
		number(p.P50ResponseTime), number(p.P95ResponseTime), number(p.P99ResponseTime), number(p.MaxResponseTime),
	)
	var b strings.Builder
	addLines(&b, total.Lines(s))
	fmt.Fprintf(&b, "\nSlowest of %s, by p95:\n", figure.Plural(int64(p.Endpoints), "endpoint"))
	addLines(&b, endpointTable(p.SlowestEndpoints).Lines(s))
	b.WriteString("\n" + trustLine(p.Trust) + dropsLine(p.Trust))
	_, err := io.WriteString(w, b.String())
	return err
}

const noRequests = "No requests in this window.\n"

func addLines(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
}

// Window returns the line that heads what is over a window.
func Window(w report.Window) string {
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("%g h, %s to %s UTC", w.Hours, w.From.UTC().Format(layout), w.To.UTC().Format(layout))
}

// trustLine describes the requests from which the numbers were computed.
func trustLine(t report.Trust) string {
	bound := math.Ceil(t.ErrorBound*1e4) / 100 // a bound is rounded up
	line := fmt.Sprintf("From %s, none sampled; percentiles are within %.2f %% of the exact ones.\n",
		figure.Plural(int64(t.Samples), "request"), bound)
	if t.InsufficientData {
		line += "Insufficient data: too few requests to judge by percentiles.\n"
	}
	return line
}

// dropsLine describes what is missing from the numbers; it is empty if nothing is.
func dropsLine(t report.Trust) (line string) {
	if t.Dropped > 0 {
		line += figure.Plural(int64(t.Dropped), "request") + " could not be kept and " + be(t.Dropped) + " missing here" + reasons(t.DroppedReasons) + ".\n"
	}
	if t.TooOld > 0 {
		line += figure.Plural(int64(t.TooOld), "request") + " arrived too late to be kept, and started before all that the hub keeps.\n"
	}
	if t.Overflowed > 0 {
		line += figure.Plural(int64(t.Overflowed), "request") + " " + be(t.Overflowed) + " under (other): the service has more endpoints than Kymo keeps apart.\n"
	}
	switch {
	case t.Lost > 0:
		line += "The store is damaged: at most " + figure.Plural(int64(t.Lost), "request") + " of this window can no longer be read.\n"
	case t.Damaged:
		line += "The store is damaged: requests of this window can no longer be read; how many is not known.\n"
	}
	return line
}

// reasons returns the counts by reason, the largest first, in parentheses.
func reasons(counts map[string]uint64) string {
	if len(counts) == 0 {
		return ""
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = name + " " + figure.Thousands(int64(counts[name]))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// be is the verb that goes with a count.
func be(n uint64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// numberColumns are those of the numbers that the whole and each endpoint have.
// A narrow screen keeps those that tell whether something is wrong.
func numberColumns() []term.Column {
	return []term.Column{
		term.Number("requests"), term.Number("errors %"), term.OptionalNumber(4, "client errors %"), term.OptionalNumber(3, "mean ms"),
		term.OptionalNumber(1, "p50 ms"), term.Number("p95 ms"), term.Number("p99 ms"), term.OptionalNumber(2, "max ms"),
	}
}

// number is the cell of a duration in milliseconds.
func number(v float64) term.Cell { return term.Cell{Text: figure.ThreeDigits(v)} }

// ErrorCell is the cell of a share of errors, red if there are any.
func ErrorCell(rate float64) term.Cell {
	c := term.Cell{Text: figure.Percent(rate)}
	if rate > 0 {
		c.Style = term.Red
	}
	return c
}
