package demo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
	"github.com/kymohq/kymo/internal/duration"
)

const (
	liveEvery = time.Second     // on a terminal
	lineEvery = 2 * time.Second // elsewhere
)

// live is what the demo shows while it runs: the answers of the hub's API.
type live struct {
	*demo

	event string // what the user did last

	// What the hub answered last.
	askedAt time.Time
	rows    []report.Endpoint
	health  *health.Answer    // nil without an answer
	before  map[string]uint64 // requests of each endpoint
	each    []float64         // requests a second of each row since the answer before
	rate    float64           // of all rows together
	total   uint64
}

// show redraws the table on a terminal, and elsewhere prints a line now and
// then, until ctx is done. It is no loop.Loop, since it runs in the foreground.
func (d *demo) show(ctx context.Context) {
	w, s := d.Stdout, d.Screen
	v := &live{demo: d, askedAt: d.begun}
	every := lineEvery
	picture := term.NewFrame(w, s)
	if s.Terminal {
		every = liveEvery
		picture.Draw(v.picture(time.Now()))
	} else {
		fmt.Fprintln(w, strings.Join(v.head(), "\n"))
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(w)
			return
		case v.event = <-d.controls.events:
			if s.Terminal {
				picture.Draw(v.picture(time.Now()))
			} else {
				fmt.Fprintf(w, "%s: %s\n", duration.Seconds(time.Since(d.begun)), v.event)
			}
		case now := <-tick.C:
			// An error shows nothing new; the result at the end will tell.
			if err := v.ask(ctx, now); err != nil {
				continue
			}
			if s.Terminal {
				picture.Draw(v.picture(now))
			} else {
				fmt.Fprintln(w, v.line(now))
			}
		}
	}
}

// ask asks the hub for the endpoints and the status of the checks.
func (v *live) ask(ctx context.Context, now time.Time) error {
	e, err := v.Hub.Endpoints(ctx, url.Values{"hours": {strconv.Itoa(client.MaxHours)}, "service": {v.service}})
	if unknownService(err) {
		e, err = new(client.Endpoints), nil
	}
	if err != nil {
		return err
	}
	v.health, _, _ = v.Hub.Health(ctx) // without an answer there is none to show
	v.update(e.Rows, now)
	return nil
}

// update replaces the rows, and computes how many requests a second they have had
// since the last update.
func (v *live) update(rows []report.Endpoint, now time.Time) {
	// Rows that stay where they are can be watched.
	slices.SortStableFunc(rows, func(a, b report.Endpoint) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	span := max(now.Sub(v.askedAt).Seconds(), 1e-3)
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
	v.rows, v.before, v.askedAt = rows, seen, now
}

// healthLine is the status of all checks in one line.
func (v *live) healthLine() string {
	if v.health == nil {
		return "health  not known yet"
	}
	var line strings.Builder
	line.WriteString("health  " + v.Screen.Paint(v.health.Status.String(), text.StatusStyle(v.health.Status)))
	for i, name := range text.ByName(v.health.Checks) {
		c := v.health.Checks[name]
		sep := " · "
		if i == 0 {
			sep = ": "
		}
		status := name + " " + text.State(&c)
		if c.State != health.Healthy && c.Reason != "" {
			status += " (" + c.Reason + ")"
		}
		line.WriteString(sep + v.Screen.Paint(status, text.StatusStyle(c.State)))
	}
	return line.String()
}

// head tells what runs and at which URLs.
func (v *live) head() []string {
	base := strings.TrimSuffix(v.Hub.String(), "/")
	query := "?service=" + v.service
	keys := controlsHelp
	if !v.Screen.Terminal {
		keys += "; each with Enter"
	}
	return []string{
		fmt.Sprintf("A shop under %d requests/s, watched by a hub; Ctrl-C ends it with a report", v.load.rate),
		"  dashboard  " + base + "/#/overview?w=15m",
		"  report     " + base + "/metrics/performance" + query,
		"  endpoints  " + base + "/metrics/endpoints" + query + "&sort=p95",
		"  API docs   " + base + "/docs",
		"  health     " + base + "/health",
		"  shop       " + v.shopURL + "/products",
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
	lines = append(lines, v.healthLine(), v.Screen.Paint(v.event, term.Bold))
	t := term.Table{Columns: []term.Column{
		{Title: "method"}, {Title: "endpoint", Shrink: term.MinWidth}, term.Number("requests"), term.Number("req/s"),
		term.Number("p50 ms"), term.Number("p95 ms"), term.Number("p99 ms"), term.Number("errors %"), {Title: ""},
	}}
	for i := range v.rows {
		e := &v.rows[i]
		tail, slow := term.Plain, term.Cell{}
		if e.Slow {
			tail, slow = term.Yellow, term.Cell{Text: "slow", Style: term.Yellow}
		}
		t.Add(term.Cell{Text: e.Method}, term.Cell{Text: e.Endpoint}, term.Cell{Text: figure.Thousands(int64(e.TotalRequests))},
			term.Cell{Text: figure.ThreeDigits(v.each[i])}, term.Cell{Text: figure.ThreeDigits(e.P50ResponseTime)},
			term.Cell{Text: figure.ThreeDigits(e.P95ResponseTime), Style: tail}, term.Cell{Text: figure.ThreeDigits(e.P99ResponseTime), Style: tail},
			text.ErrorCell(e.ErrorRate), slow)
	}
	lines = append(lines, t.Lines(v.Screen)...)
	return append(lines, "", fmt.Sprintf("%s in %s, %s/s now",
		figure.Plural(int64(v.total), "request"), duration.Seconds(now.Sub(v.begun)), figure.ThreeDigits(v.rate)))
}

// line is the live view where output cannot be redrawn.
func (v *live) line(now time.Time) string {
	var rest strings.Builder
	for i := range v.rows {
		if e := &v.rows[i]; e.Slow {
			fmt.Fprintf(&rest, "; slow: %s %s, p95 %s", e.Method, e.Endpoint, duration.Text(time.Duration(e.P95ResponseTime*float64(time.Millisecond))))
		}
	}
	if v.health != nil && v.health.Status != health.Healthy {
		rest.WriteString("; " + text.Overall(v.health))
	}
	return fmt.Sprintf("%s: %s, %s/s%s", duration.Seconds(now.Sub(v.begun)), figure.Plural(int64(v.total), "request"), figure.ThreeDigits(v.rate), rest.String())
}
