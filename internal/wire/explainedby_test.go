package wire

import (
	"encoding/json"
	"testing"

	"github.com/kymohq/kymo/health"
)

// A result has the check that explained its last run, in its details.
func TestExplainedBy(t *testing.T) {
	for _, details := range []string{"", "{}", `{"a":1}`} {
		for _, by := range []string{"", "database", `a "quoted" one`} {
			l := NewHealthLog("")
			for second := range 3 {
				o := seen(float64(second), health.Down)
				o.Details = []byte(details)
				if second > 0 {
					o.ExplainedBy = by
				}
				l.Observe(o)
			}
			o := seen(3, health.Healthy)
			o.Details = []byte(details)
			l.Observe(o)
			got := l.Take(true)
			if len(got) != 2 || got[0].ExplainedBy() != by || got[1].ExplainedBy() != "" {
				t.Errorf("details %s, explained by %q: got %+v", details, by, got)
			}
			if d := got[0].Details; d != "" && !json.Valid([]byte(d)) {
				t.Errorf("details %s", d)
			}
			if got[0].Reason != "refused" {
				t.Errorf("the reason is %q", got[0].Reason)
			}
		}
	}
	for _, details := range []string{`{"explained_by":7}`, `{"a":"\"explained_by\""}`, `{"a":{"explained_by":"b"}}`} {
		if by := (&HealthResult{Details: details}).ExplainedBy(); by != "" {
			t.Errorf("%s is explained by %q", details, by)
		}
	}
}
