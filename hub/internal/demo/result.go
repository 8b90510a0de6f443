package demo

import (
	"cmp"
	"fmt"
	"io"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/text"
)

// Result is the outcome of a demo.
type Result struct {
	Service string              // the shop's name
	Report  *report.Performance // of the shop, by the hub
	Sent    int64               // requests that customers sent
	Failed  int64               // of these, without an answer
	Stats   kymo.Stats          // of the shop's monitor
}

// Print writes the hub's report, and how many requests were sent and counted.
func (r *Result) Print(w io.Writer, s term.Screen) error {
	fmt.Fprintf(w, "The hub's report on %s:\n", r.Service)
	if err := text.Report(w, s, r.Report); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nload generator sent %s; Kymo reports %s\n", figure.Plural(r.Sent, "request"), figure.Thousands(r.counted()))
	return err
}

func (r *Result) counted() int64 { return int64(r.Report.TotalRequests) }

// Problem returns why the hub did not count just what was sent, and "" if it did.
func (r *Result) Problem() string {
	if r.Sent == r.counted() {
		return ""
	}
	problem := "the numbers differ"
	if r.Failed > 0 {
		problem += fmt.Sprintf("; %s got no answer from the shop", figure.Plural(r.Failed, "request"))
	}
	if r.Stats.Dropped+r.Stats.Pending > 0 {
		problem += fmt.Sprintf("; the SDK dropped %d and could not ship %d, for: %s",
			r.Stats.Dropped, r.Stats.Pending, cmp.Or(r.Stats.LastError, "no error"))
	}
	return problem
}
