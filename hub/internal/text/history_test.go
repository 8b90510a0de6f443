package text

import (
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/goldentest"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

func TestHistory(t *testing.T) {
	to := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	uptime := 99.9896
	window := report.Window{From: to.Add(-2 * time.Hour), To: to, Hours: 2}
	var out strings.Builder
	for _, h := range []*report.History{{
		Name: "database", Status: "down", UptimePercent: &uptime, KnownPercent: 87.5, Window: window,
		Checks: 720, Failures: 2, ResponseTimes: report.ResponseTimes{AvgResponseTime: 3.456, P50ResponseTime: 3.1, P95ResponseTime: 5.25, P99ResponseTime: 8, MaxResponseTime: 1002.4},
		Transitions: []report.Transition{
			{At: to.Add(-time.Minute), From: "degraded", To: "down", Reason: "connection refused", LastedMS: 60_000},
			{At: to.Add(-time.Hour), From: "healthy", To: "degraded", Reason: "took 80 ms, over 50 ms", Flapping: true, LastedMS: 750},
		},
		TransitionsTotal: 3,
	}, {
		Name: "redis", Status: "unknown", Window: window,
	}, {
		Name: "shop", Status: "down", Window: window, Maintenance: []report.Maintenance{
			{Name: "weekly", From: 0, To: 1_800_000}, {Name: "move", From: 2_000_000, To: 2_060_000}, {Name: "weekly", From: 3_000_000, To: 3_001_000},
		},
	}} {
		for _, s := range []term.Screen{{}, {Terminal: true, Color: true, Width: 60}} {
			if err := History(&out, s, h); err != nil {
				t.Fatal(err)
			}
		}
	}
	goldentest.Compare(t, "testdata/history.golden", out.String())
}
