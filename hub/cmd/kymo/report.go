package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"

	"github.com/kymohq/kymo/hub/internal/report"
)

// queryFlags select what a report is over. The hub judges them: it says what is
// wrong with one, for this command as for every caller.
type queryFlags struct {
	Hours    string `placeholder:"N" help:"Length of the window that ends now, 1 to 168 hours. Default: 24."`
	Service  string `placeholder:"NAME" help:"Only this service."`
	Endpoint string `placeholder:"ROUTE" help:"Only this route template, like /users/{id}."`
	Method   string `placeholder:"NAME" help:"Only this HTTP method."`
	JSON     bool   `name:"json" help:"Print what the API answers, as it came."`
}

func (f *queryFlags) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"hours": f.Hours, "service": f.Service, "endpoint": f.Endpoint, "method": f.Method,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

type reportCommand struct {
	queryFlags
	hubFlags
}

func (*reportCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo report --hours 24 --service orders\n" +
		"    $ kymo report --json | jq .p95_response_time\n"
}

func (c *reportCommand) Run(env *environment) error {
	hub, err := c.client(env)
	if err != nil {
		return err
	}
	body, _, err := hub.get(env.ctx, "/metrics/performance", c.query())
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := env.stdout.Write(body)
		return err
	}
	var p report.Performance
	if err := json.Unmarshal(body, &p); err != nil {
		return notAReport(hub, err)
	}
	fmt.Fprintln(env.stdout, windowLine(p.Window))
	return printReport(env.stdout, screenOf(env.stdout, env.vars), &p)
}

func notAReport(hub *hubClient, err error) error {
	return fmt.Errorf("what answers at %s is not a Kymo hub of this version: %w", hub.base.Redacted(), err)
}

func printReport(w io.Writer, s screen, p *report.Performance) error {
	if p.TotalRequests == 0 {
		_, err := fmt.Fprint(w, "No requests in this window.\n"+dropsLine(p.Trust))
		return err
	}
	total := table{columns: numberColumns()}
	total.add(
		cell{text: thousands(int64(p.TotalRequests))},
		errorCell(p.ErrorRate), cell{text: percent(p.ClientErrorRate)}, cell{text: threeDigits(p.AvgResponseTime)},
		cell{text: threeDigits(p.P50ResponseTime)}, cell{text: threeDigits(p.P95ResponseTime)},
		cell{text: threeDigits(p.P99ResponseTime)}, cell{text: threeDigits(p.MaxResponseTime)},
	)
	printLines(w, total.lines(s))
	fmt.Fprintf(w, "\nSlowest of %s, by p95:\n", plural(int64(p.Endpoints), "endpoint"))
	printLines(w, endpointTable(p.SlowestEndpoints).lines(s))
	_, err := fmt.Fprint(w, "\n"+trustLine(p.Trust)+dropsLine(p.Trust))
	return err
}

func printLines(w io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(w, line)
	}
}

func windowLine(w report.Window) string {
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("%g h, %s to %s UTC", w.Hours, w.From.UTC().Format(layout), w.To.UTC().Format(layout))
}

// trustLine says what the numbers are made of.
func trustLine(t report.Trust) string {
	bound := math.Ceil(t.ErrorBound*1e4) / 100 // a bound is rounded up
	line := fmt.Sprintf("From %s, none sampled; percentiles are within %.2f %% of the exact ones.\n",
		plural(int64(t.Samples), "request"), bound)
	if t.InsufficientData {
		line += "Insufficient data: too few requests to judge by percentiles.\n"
	}
	return line
}

// dropsLine says what the numbers do not show; it is empty if they show everything.
func dropsLine(t report.Trust) (line string) {
	if t.Dropped > 0 {
		line += plural(int64(t.Dropped), "request") + " could not be kept and " + be(t.Dropped) + " missing here.\n"
	}
	if t.Overflowed > 0 {
		line += plural(int64(t.Overflowed), "request") + " " + be(t.Overflowed) + " under (other): the service has more endpoints than Kymo keeps apart.\n"
	}
	return line
}

// be is the verb that goes with so many.
func be(n uint64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// numberColumns are those of the numbers that the whole and each endpoint have.
// What a narrow screen shows last is what tells whether something is wrong.
func numberColumns() []column {
	return []column{
		right("requests"), right("errors %"), optional(4, "client errors %"), optional(3, "mean ms"),
		optional(1, "p50 ms"), right("p95 ms"), right("p99 ms"), optional(2, "max ms"),
	}
}

func right(title string) column { return column{title: title, right: true} }

func optional(rank int, title string) column {
	return column{title: title, right: true, optional: rank}
}

// errorCell is red when there are errors.
func errorCell(rate float64) cell {
	c := cell{text: percent(rate)}
	if rate > 0 {
		c.style = red
	}
	return c
}
