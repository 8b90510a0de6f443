package text

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/goldentest"
	"github.com/kymohq/kymo/hub/internal/term"
)

// TestOwnChecks reads what services say of their checks, in every form.
func TestOwnChecks(t *testing.T) {
	got := ownChecks(json.RawMessage(`{"checks": {"b": "down", "a": {"status": "unknown", "reason": "silent", "response_time_ms": 1200}, "c": 3, "d": "odd"}}`))
	want := []ownCheck{{"a", "unknown", "1,200", "silent"}, {"b", "down", "", ""}, {"c", "", "", ""}, {"d", "odd", "", ""}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i, style := range []term.Style{term.Dim, term.Red, term.Plain, term.Plain} {
		if got[i] != want[i] || wordStyle(got[i].status) != style {
			t.Errorf("got %v in %q, want %v in %q", got[i], wordStyle(got[i].status), want[i], style)
		}
	}
	for _, details := range []string{"", "{}", `{"checks": 5}`, "no"} {
		if got := ownChecks(json.RawMessage(details)); len(got) != 0 {
			t.Errorf("%s: got %v", details, got)
		}
	}
}

func TestOverall(t *testing.T) {
	check := func(s health.Status, critical bool) health.HealthCheck {
		return health.HealthCheck{Status: s, State: s, Critical: critical}
	}
	well, ill, vital, slow := check(health.Healthy, true), check(health.Down, false), check(health.Down, true), check(health.Degraded, true)
	for _, test := range []struct {
		status health.Status
		checks map[string]health.HealthCheck
		want   string
	}{
		{health.Healthy, nil, "healthy: no checks"},
		{health.Healthy, map[string]health.HealthCheck{"a": well}, "healthy: 1 check"},
		{health.Degraded, map[string]health.HealthCheck{"a": well, "c": ill, "b": slow}, "degraded: b, c; 3 checks in all"},
		{health.Down, map[string]health.HealthCheck{"a": slow, "b": ill, "c": vital}, "down: c; 3 checks in all"},
	} {
		if got := Overall(&health.Answer{Status: test.status, Checks: test.checks}); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestHealthOnATerminal shows a check of each status, a service with checks of its
// own, and columns that a narrow screen leaves out.
func TestHealthOnATerminal(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	since := now.Add(-125 * time.Second)
	a := &health.Answer{Status: health.Down, Checks: map[string]health.HealthCheck{
		"database": {Status: health.Down, State: health.Down, Since: &since, CheckedAt: &now, ResponseTimeMS: 1500, Critical: true, Reason: "refused"},
		"orders": {Status: health.Degraded, State: health.Degraded, Flapping: true, Since: &since, CheckedAt: &now,
			Details: json.RawMessage(`{"checks": {"stock": {"status": "down", "reason": "empty", "response_time_ms": 7}}}`)},
		"queue": {Status: health.Degraded, State: health.Unknown, Stuck: true},
	}}
	for width, name := range map[int]string{100: "health_on_a_terminal.golden", 40: "health_on_a_narrow_terminal.golden"} {
		var out strings.Builder
		if err := Health(&out, term.Screen{Terminal: true, Color: true, Width: width}, a, now); err != nil {
			t.Fatal(err)
		}
		goldentest.Compare(t, "testdata/"+name, out.String())
	}
}
