package report

import (
	"testing"
	"time"
)

func TestFloorReasons(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		floor  time.Time
		reason string
	}{
		{time.UnixMilli(0), FloorNone},
		{now.Add(-49 * time.Hour), FloorAge},
		{now.Add(-48*time.Hour - time.Minute), FloorAge},
		{now.Add(-48 * time.Hour), FloorLater},
		{now.Add(-47 * time.Hour), FloorLater},
		{now, FloorLater},
		{now.Add(time.Hour), FloorFuture},
	} {
		r := Retention{AgeHours: 48, Clock: Clock{Time: now, Deletes: now.Add(-time.Minute)}}
		r.SetFloor(c.floor.UnixMilli())
		if r.Reason != c.reason || (r.Floor == nil) != (c.reason == FloorNone) || r.Floor != nil && !r.Floor.Equal(c.floor) {
			t.Errorf("a floor at %s is %v for the reason %q, want %q", c.floor, r.Floor, r.Reason, c.reason)
		}
	}
}
