package text

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
)

// Docker keeps this much of the output of a health check, in bytes.
const dockerKeeps = 4096

func TestCheckLines(t *testing.T) {
	a := &health.Answer{Checks: map[string]health.HealthCheck{
		"a": {State: health.Healthy, ResponseTimeMS: 3},
		"b": {State: health.Unknown, Reason: "hidden"},
		"c": {State: health.Degraded, ResponseTimeMS: 1200, Reason: "slow", Stuck: true},
		"d": {State: health.Down, Critical: true, Reason: "one\ntwo"},
		"e": {State: health.Down},
	}}
	want := []string{
		"d: down, critical, 0 ms: one; two", "e: down, 0 ms", "c: degraded, 1,200 ms: slow; stuck", "b: unknown, 0 ms: hidden", "a: healthy, 3 ms",
	}
	if got := CheckLines(a); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What Docker keeps has each check that is down, although there are many that are healthy.
func TestCheckLinesFitTheLogOfAContainer(t *testing.T) {
	a := &health.Answer{Checks: make(map[string]health.HealthCheck)}
	for i := range 500 {
		a.Checks[fmt.Sprintf("check %03d", i)] = health.HealthCheck{State: health.Healthy}
	}
	for i := range 12 {
		a.Checks[fmt.Sprintf("zone %02d", i)] = health.HealthCheck{State: health.Down, Reason: strings.Repeat("x", health.MaxReason)}
	}
	var b strings.Builder
	if err := Checks(&b, a); err != nil {
		t.Fatal(err)
	}
	kept := b.String()[:dockerKeeps]
	for i := range 12 {
		if name := fmt.Sprintf("zone %02d: down", i); !strings.Contains(kept, name) {
			t.Errorf("what is kept lacks %q", name)
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != len(a.Checks) {
		t.Errorf("%d lines for %d checks", lines, len(a.Checks))
	}
}
