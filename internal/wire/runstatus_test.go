package wire

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
)

// What the runs of a result found can be read from it, whatever the check's status was.
func TestRunStatus(t *testing.T) {
	for status := health.Healthy; status <= health.Down; status++ {
		for found := health.Healthy; found <= health.Down; found++ {
			for _, details := range []string{"", "{}", `{"a":1}`, `{"run_status":"other"}`} {
				l := NewHealthLog("")
				for second := range 3 {
					o := seen(float64(second), status)
					o.Result.Status, o.Details = found, []byte(details)
					l.Observe(o)
				}
				got := l.Take(true)
				if len(got) != 1 || got[0].Latency.Count() != 3 {
					t.Fatalf("got %+v", got)
				}
				if is := got[0].RunStatus(); is != found && details != `{"run_status":"other"}` {
					t.Errorf("%v, found %v, details %s: %v", status, found, got[0].Details, is)
				}
				if d := got[0].Details; d != "" && !json.Valid([]byte(d)) {
					t.Errorf("details %s", d)
				}
			}
		}
	}
	full := `{"a":"` + strings.Repeat("x", MaxDetails-8) + `"}`
	if got := withRunStatus(full, health.Down); got != full {
		t.Errorf("%d bytes of details", len(got))
	}
}

// A result has the status that its runs found only if all of them found it, and the last
// one always has.
func TestRunStatusOfRandomRuns(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		l := NewHealthLog("")
		var runs []health.Status
		var results []HealthResult
		for second := range 1 + r.IntN(60) {
			found := health.Status(1 + r.IntN(3))
			if r.IntN(3) > 0 && len(runs) > 0 {
				found = runs[len(runs)-1]
			}
			runs = append(runs, found)
			o := seen(float64(second), health.Healthy)
			o.Result.Status = found
			l.Observe(o)
			if r.IntN(10) == 0 {
				results = append(results, l.Take(r.IntN(2) == 0)...)
			}
		}
		results = append(results, l.Take(true)...)
		at, failures := uint64(0), uint64(0)
		for i := range results {
			h := &results[i]
			part := runs[at : at+h.Latency.Count()]
			at, failures = at+h.Latency.Count(), failures+h.Failures
			same, want := true, health.Unknown
			for _, found := range part {
				same = same && found == part[0]
			}
			if same && len(part) > 0 {
				want = part[0]
			}
			if got := h.RunStatus(); got != want {
				t.Fatalf("%v is %v, of %v: %+v", part, got, runs, h)
			}
			if i > 0 && h.From != results[i-1].To {
				t.Fatalf("a gap before %+v", h)
			}
		}
		want := uint64(0)
		for _, found := range runs {
			if found != health.Healthy {
				want++
			}
		}
		if at != uint64(len(runs)) || failures != want {
			t.Fatalf("%d runs and %d failures, want %d and %d", at, failures, len(runs), want)
		}
		if last := results[len(results)-1]; last.RunStatus() != runs[len(runs)-1] {
			t.Fatalf("the last result is %+v, of %v", last, runs)
		}
	}
}
