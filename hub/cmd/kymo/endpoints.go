package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
)

type endpointsCommand struct {
	queryFlags
	Sort  string `placeholder:"BY" help:"What to sort by, the largest first: requests (default), name, avg, p50, p95, p99, max, error_rate, client_error_rate or time_share."`
	Limit string `placeholder:"N" help:"At most this many endpoints."`
	hubFlags
}

func (*endpointsCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo endpoints --hours 1 --sort p95 --limit 20\n"
}

func (c *endpointsCommand) Run(env *environment) error {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	query := c.query()
	if c.Sort != "" {
		query.Set("sort", c.Sort)
	}
	if c.Limit != "" {
		query.Set("limit", c.Limit)
	}
	body, header, err := hub.get(env.ctx, "/metrics/endpoints", query)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := env.stdout.Write(body)
		return err
	}
	var rows []report.Endpoint
	if err := json.Unmarshal(body, &rows); err != nil {
		return notAReport(hub, err)
	}
	return printEndpoints(env.stdout, screenOf(env.stdout, env.vars), rows, header)
}

// printEndpoints prints the rows and what the answer's header says of them.
func printEndpoints(w io.Writer, s screen, rows []report.Endpoint, header http.Header) error {
	var window report.Window
	window.From, _ = time.Parse(time.RFC3339Nano, header.Get("Kymo-Window-From"))
	window.To, _ = time.Parse(time.RFC3339Nano, header.Get("Kymo-Window-To"))
	window.Hours = window.To.Sub(window.From).Hours()
	fmt.Fprintln(w, windowLine(window))
	if len(rows) == 0 {
		fmt.Fprintln(w, "No requests in this window.")
	} else {
		printLines(w, endpointTable(rows).lines(s))
	}
	var trust report.Trust
	trust.Dropped, _ = strconv.ParseUint(header.Get("Kymo-Dropped"), 10, 64)
	trust.Overflowed, _ = strconv.ParseUint(header.Get("Kymo-Overflowed"), 10, 64)
	foot := ""
	if all, _ := strconv.Atoi(header.Get("X-Total-Count")); all > len(rows) {
		foot = fmt.Sprintf("%s; see them with a larger --limit.\n", plural(int64(all-len(rows)), "more endpoint"))
	}
	_, err := fmt.Fprint(w, foot+dropsLine(trust))
	return err
}

// endpointTable has a row for each endpoint, in the order given.
func endpointTable(rows []report.Endpoint) *table {
	t := &table{columns: slices.Concat(
		[]column{{title: "service", shrink: 24}, {title: "method"}, {title: "endpoint", shrink: 24}},
		numberColumns(),
		[]column{{title: "remark", shrink: leastShrunk}},
	)}
	for i := range rows {
		e := &rows[i]
		remark, tail := cell{}, plain
		switch {
		case e.Slow:
			remark, tail = cell{"slow: " + e.SlowReason, yellow}, yellow
		case e.InsufficientData:
			remark, tail = cell{"insufficient data", dim}, dim
		}
		t.add(
			cell{text: e.Service}, cell{text: e.Method}, cell{text: e.Endpoint},
			cell{text: thousands(int64(e.TotalRequests))},
			errorCell(e.ErrorRate), cell{text: percent(e.ClientErrorRate)}, cell{text: threeDigits(e.AvgResponseTime)},
			cell{text: threeDigits(e.P50ResponseTime)}, cell{threeDigits(e.P95ResponseTime), tail},
			cell{threeDigits(e.P99ResponseTime), tail}, cell{text: threeDigits(e.MaxResponseTime)},
			remark,
		)
	}
	return t
}
