package text

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Endpoints writes a row for each endpoint, and how many more there are.
func Endpoints(w io.Writer, s term.Screen, e *client.Endpoints) error {
	var b strings.Builder
	b.WriteString(Window(e.Window) + "\n")
	if len(e.Rows) == 0 {
		b.WriteString(noRequests)
	} else {
		addLines(&b, endpointTable(e.Rows).Lines(s))
	}
	if more := e.Total - len(e.Rows); more > 0 {
		fmt.Fprintf(&b, "%s; see them with a larger --limit.\n", figure.Plural(int64(more), "more endpoint"))
	}
	b.WriteString(dropsLine(e.Trust))
	_, err := io.WriteString(w, b.String())
	return err
}

// endpointTable has a row for each endpoint, in the order given.
func endpointTable(rows []report.Endpoint) *term.Table {
	t := &term.Table{Columns: slices.Concat(
		[]term.Column{{Title: "service", Shrink: 24}, {Title: "method"}, {Title: "endpoint", Shrink: 24}},
		numberColumns(),
		[]term.Column{{Title: "remark", Shrink: term.MinWidth}},
	)}
	for i := range rows {
		e := &rows[i]
		remark, tail := term.Cell{}, term.Plain
		switch {
		case e.Slow:
			remark, tail = term.Cell{Text: "slow: " + e.SlowReason, Style: term.Yellow}, term.Yellow
		case e.InsufficientData:
			remark, tail = term.Cell{Text: "insufficient data", Style: term.Dim}, term.Dim
		}
		t.Add(
			term.Cell{Text: e.Service}, term.Cell{Text: e.Method}, term.Cell{Text: e.Endpoint},
			term.Cell{Text: figure.Thousands(int64(e.TotalRequests))},
			ErrorCell(e.ErrorRate), term.Cell{Text: figure.Percent(e.ClientErrorRate)}, number(e.AvgResponseTime),
			number(e.P50ResponseTime), term.Cell{Text: figure.ThreeDigits(e.P95ResponseTime), Style: tail},
			term.Cell{Text: figure.ThreeDigits(e.P99ResponseTime), Style: tail}, number(e.MaxResponseTime),
			remark,
		)
	}
	return t
}
