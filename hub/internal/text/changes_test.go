package text

import (
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

func TestChanges(t *testing.T) {
	since := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	now := since.Add(time.Hour)
	check := func(s health.Status, flapping bool, reason string) health.HealthCheck {
		return health.HealthCheck{Status: s, State: s, Since: &since, Flapping: flapping, Reason: reason}
	}
	before := &health.Answer{Checks: map[string]health.HealthCheck{
		"breaks": check(health.Healthy, false, ""),
		"flaps":  check(health.Degraded, false, ""),
		"gone":   check(health.Down, false, "refused"),
		"stays":  check(health.Down, false, "refused"),
	}}
	after := &health.Answer{Checks: map[string]health.HealthCheck{
		"breaks": check(health.Down, false, "refused"),
		"flaps":  check(health.Degraded, true, ""),
		"new":    {Status: health.Unknown, State: health.Unknown, Stuck: true, Reason: "no answer"},
		"stays":  check(health.Down, false, "timeout"),
	}}
	for _, test := range []struct {
		before *health.Answer
		want   []string
	}{
		{before, []string{
			"2026-11-23T10:00:00Z  breaks  healthy → down: refused",
			"2026-11-23T11:00:00Z  flaps  degraded → degraded, flapping",
			"2026-11-23T11:00:00Z  new  unknown: no answer; stuck",
			"2026-11-23T11:00:00Z  gone  down → not checked any more",
		}},
		{nil, []string{
			"2026-11-23T10:00:00Z  breaks  down: refused",
			"2026-11-23T10:00:00Z  flaps  degraded, flapping",
			"2026-11-23T11:00:00Z  new  unknown: no answer; stuck",
			"2026-11-23T10:00:00Z  stays  down: timeout",
		}},
		{after, nil},
	} {
		var got []string
		for _, c := range Changes(test.before, after, now) {
			got = append(got, c.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
