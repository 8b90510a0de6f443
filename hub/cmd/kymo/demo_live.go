package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
)

const (
	liveEvery = time.Second     // on a terminal
	lineEvery = 2 * time.Second // elsewhere
)

// live is what the demo shows while it runs: the hub's own answers, which is to
// say what any user of its API would see.
type live struct {
	demo   *demo
	screen screen

	before   map[string]uint64 // requests of each endpoint at the last look
	lookedAt time.Time
}

// show redraws the table on a terminal, and elsewhere prints a line now and
// then, until ctx is done.
func (d *demo) show(ctx context.Context, w io.Writer, s screen) {
	v := &live{demo: d, screen: s, lookedAt: d.begun}
	every := lineEvery
	picture := &frame{w: w, screen: s}
	if s.terminal {
		every = liveEvery
		picture.draw(v.picture(nil, time.Now()))
	} else {
		printLines(w, v.head())
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(w)
			return
		case now := <-tick.C:
			// A look that fails shows nothing new; the verdict at the end will
			// say what is wrong.
			rows, err := v.look(ctx)
			if err != nil {
				continue
			}
			if s.terminal {
				picture.draw(v.picture(rows, now))
			} else {
				fmt.Fprintln(w, v.line(rows, now))
			}
		}
	}
}

// look asks the hub for the endpoints.
func (v *live) look(ctx context.Context) ([]report.Endpoint, error) {
	body, _, err := v.demo.hub.get(ctx, "/metrics/endpoints",
		url.Values{"hours": {demoHours}, "service": {v.demo.service}})
	if err != nil {
		return nil, err
	}
	var rows []report.Endpoint
	return rows, json.Unmarshal(body, &rows)
}

// head says what runs and where to look at it.
func (v *live) head() []string {
	base := strings.TrimSuffix(v.demo.hub.base.String(), "/")
	query := "?service=" + v.demo.service
	return []string{
		fmt.Sprintf("A shop under %d requests/s, watched by a hub; Ctrl-C ends it with a report", v.demo.load.rate),
		"  report     " + base + "/metrics/performance" + query,
		"  endpoints  " + base + "/metrics/endpoints" + query + "&sort=p95",
		"  API docs   " + base + "/docs",
		"  shop       " + v.demo.shopURL + "/products",
		"",
	}
}

// picture is the whole of the live view.
func (v *live) picture(rows []report.Endpoint, now time.Time) []string {
	lines := v.head()
	if len(rows) == 0 {
		return append(lines, "waiting for the first second's requests …")
	}
	// Rows that stay where they are can be watched.
	slices.SortStableFunc(rows, func(a, b report.Endpoint) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	rates, total, rate := v.rates(rows, now)
	t := table{columns: []column{
		{title: "method"}, {title: "endpoint", shrink: leastShrunk}, right("requests"), right("req/s"),
		right("p50 ms"), right("p95 ms"), right("p99 ms"), right("errors %"), {title: ""},
	}}
	for i := range rows {
		e := &rows[i]
		tail, slow := plain, cell{}
		if e.Slow {
			tail, slow = yellow, cell{"slow", yellow}
		}
		t.add(cell{text: e.Method}, cell{text: e.Endpoint}, cell{text: thousands(int64(e.TotalRequests))},
			cell{text: threeDigits(rates[i])}, cell{text: threeDigits(e.P50ResponseTime)},
			cell{threeDigits(e.P95ResponseTime), tail}, cell{threeDigits(e.P99ResponseTime), tail},
			errorCell(e.ErrorRate), slow)
	}
	lines = append(lines, t.lines(v.screen)...)
	return append(lines, "", fmt.Sprintf("%s in %s, %s/s now",
		plural(int64(total), "request"), seconds(now.Sub(v.demo.begun)), threeDigits(rate)))
}

// line is the live view where nothing can be redrawn.
func (v *live) line(rows []report.Endpoint, now time.Time) string {
	_, total, rate := v.rates(rows, now)
	slow := ""
	for i := range rows {
		if rows[i].Slow {
			slow += fmt.Sprintf("; slow: %s %s, p95 %s ms", rows[i].Method, rows[i].Endpoint, threeDigits(rows[i].P95ResponseTime))
		}
	}
	return fmt.Sprintf("%s: %s, %s/s%s", seconds(now.Sub(v.demo.begun)), plural(int64(total), "request"), threeDigits(rate), slow)
}

// rates returns the requests a second of each row since the last look, and of
// all rows together their number and rate.
func (v *live) rates(rows []report.Endpoint, now time.Time) (each []float64, total uint64, rate float64) {
	span := max(now.Sub(v.lookedAt).Seconds(), 1e-3)
	seen := make(map[string]uint64)
	for i := range rows {
		e := &rows[i]
		name := e.Method + " " + e.Endpoint
		seen[name] = e.TotalRequests
		r := float64(e.TotalRequests-min(v.before[name], e.TotalRequests)) / span
		each = append(each, r)
		total += e.TotalRequests
		rate += r
	}
	v.before, v.lookedAt = seen, now
	return each, total, rate
}
