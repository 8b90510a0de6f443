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

	"github.com/kymohq/kymo/health"
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

	event string // what the user did last

	// What the last look saw.
	lookedAt time.Time
	rows     []report.Endpoint
	health   *health.Answer    // nil if the hub did not say
	before   map[string]uint64 // requests of each endpoint
	each     []float64         // requests a second of each row since the look before
	rate     float64           // of all rows together
	total    uint64
}

// show redraws the table on a terminal, and elsewhere prints a line now and
// then, until ctx is done.
func (d *demo) show(ctx context.Context, w io.Writer, s screen) {
	v := &live{demo: d, screen: s, lookedAt: d.begun}
	every := lineEvery
	picture := &frame{w: w, screen: s}
	if s.terminal {
		every = liveEvery
		picture.draw(v.picture(time.Now()))
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
		case v.event = <-d.controls.events:
			if s.terminal {
				picture.draw(v.picture(time.Now()))
			} else {
				fmt.Fprintf(w, "%s: %s\n", seconds(time.Since(d.begun)), v.event)
			}
		case now := <-tick.C:
			// A look that fails shows nothing new; the verdict at the end will
			// say what is wrong.
			if err := v.look(ctx, now); err != nil {
				continue
			}
			if s.terminal {
				picture.draw(v.picture(now))
			} else {
				fmt.Fprintln(w, v.line(now))
			}
		}
	}
}

// look asks the hub for the endpoints, and how everything stands.
func (v *live) look(ctx context.Context, now time.Time) error {
	body, _, err := v.demo.hub.get(ctx, "/metrics/endpoints",
		url.Values{"hours": {demoHours}, "service": {v.demo.service}})
	if err != nil {
		return err
	}
	var rows []report.Endpoint
	if err := json.Unmarshal(body, &rows); err != nil {
		return err
	}
	_, v.health, _ = v.demo.hub.health(ctx) // without an answer there is none to show
	v.take(rows, now)
	return nil
}

// take takes in the endpoints, and how many requests a second they have had
// since the last look.
func (v *live) take(rows []report.Endpoint, now time.Time) {
	// Rows that stay where they are can be watched.
	slices.SortStableFunc(rows, func(a, b report.Endpoint) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	span := max(now.Sub(v.lookedAt).Seconds(), 1e-3)
	seen := make(map[string]uint64)
	v.each, v.total, v.rate = nil, 0, 0
	for i := range rows {
		e := &rows[i]
		name := e.Method + " " + e.Endpoint
		seen[name] = e.TotalRequests
		r := float64(e.TotalRequests-min(v.before[name], e.TotalRequests)) / span
		v.each = append(v.each, r)
		v.total += e.TotalRequests
		v.rate += r
	}
	v.rows, v.before, v.lookedAt = rows, seen, now
}

// healthLine says how everything stands in one line.
func (v *live) healthLine() string {
	if v.health == nil {
		return "health  not known yet"
	}
	line := "health  " + v.screen.paint(v.health.Status.String(), statusStyle(v.health.Status))
	for i, name := range byName(v.health.Checks) {
		c := v.health.Checks[name]
		sep := " · "
		if i == 0 {
			sep = ": "
		}
		text := name + " " + stateText(&c)
		if c.State != health.Healthy && c.Reason != "" {
			text += " (" + c.Reason + ")"
		}
		line += sep + v.screen.paint(text, statusStyle(c.State))
	}
	return line
}

// head says what runs and where to look at it.
func (v *live) head() []string {
	base := strings.TrimSuffix(v.demo.hub.base.String(), "/")
	query := "?service=" + v.demo.service
	keys := controlsHelp
	if !v.screen.terminal {
		keys += "; each with Enter"
	}
	return []string{
		fmt.Sprintf("A shop under %d requests/s, watched by a hub; Ctrl-C ends it with a report", v.demo.load.rate),
		"  dashboard  " + base + "/#/overview?w=15m",
		"  report     " + base + "/metrics/performance" + query,
		"  endpoints  " + base + "/metrics/endpoints" + query + "&sort=p95",
		"  API docs   " + base + "/docs",
		"  health     " + base + "/health",
		"  shop       " + v.demo.shopURL + "/products",
		"  keys       " + keys,
		"",
	}
}

// picture is the whole of the live view.
func (v *live) picture(now time.Time) []string {
	lines := v.head()
	if len(v.rows) == 0 {
		return append(lines, "waiting for the first second's requests …")
	}
	lines = append(lines, v.healthLine(), v.screen.paint(v.event, bold))
	t := table{columns: []column{
		{title: "method"}, {title: "endpoint", shrink: leastShrunk}, right("requests"), right("req/s"),
		right("p50 ms"), right("p95 ms"), right("p99 ms"), right("errors %"), {title: ""},
	}}
	for i := range v.rows {
		e := &v.rows[i]
		tail, slow := plain, cell{}
		if e.Slow {
			tail, slow = yellow, cell{"slow", yellow}
		}
		t.add(cell{text: e.Method}, cell{text: e.Endpoint}, cell{text: thousands(int64(e.TotalRequests))},
			cell{text: threeDigits(v.each[i])}, cell{text: threeDigits(e.P50ResponseTime)},
			cell{threeDigits(e.P95ResponseTime), tail}, cell{threeDigits(e.P99ResponseTime), tail},
			errorCell(e.ErrorRate), slow)
	}
	lines = append(lines, t.lines(v.screen)...)
	return append(lines, "", fmt.Sprintf("%s in %s, %s/s now",
		plural(int64(v.total), "request"), seconds(now.Sub(v.demo.begun)), threeDigits(v.rate)))
}

// line is the live view where nothing can be redrawn.
func (v *live) line(now time.Time) string {
	rest := ""
	for i := range v.rows {
		if e := &v.rows[i]; e.Slow {
			rest += fmt.Sprintf("; slow: %s %s, p95 %s ms", e.Method, e.Endpoint, threeDigits(e.P95ResponseTime))
		}
	}
	if v.health != nil && v.health.Status != health.Healthy {
		rest += "; " + overall(v.health)
	}
	return fmt.Sprintf("%s: %s, %s/s%s", seconds(now.Sub(v.demo.begun)), plural(int64(v.total), "request"), threeDigits(v.rate), rest)
}
