package text

import (
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
)

func TestRetention(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		floor time.Time
		size  int64
		doubt string
		want  string
	}{
		{time.UnixMilli(0), 0, "", "Nothing was deleted by age or size.\nTAKEN" +
			"Maximum age: 7 d. Maximum size: none.\nThe clock is trusted: it is 2026-11-20 12:00:00 UTC.\n"},
		{now.Add(-169 * time.Hour), 20 << 30, "", "Everything from before 2026-11-13 11:00:00 UTC was deleted.\nIt follows the maximum age.\nTAKEN" +
			"Maximum age: 7 d. Maximum size: 21,474,836,480 bytes.\nThe clock is trusted: it is 2026-11-20 12:00:00 UTC.\n"},
		{now.Add(-time.Hour), 0, "", "Everything from before 2026-11-20 11:00:00 UTC was deleted.\n" +
			"That is later than the maximum age asks for: because of the maximum size, a shorter age before, or a clock that was wrong.\nTAKEN" +
			"Maximum age: 7 d. Maximum size: none.\nThe clock is trusted: it is 2026-11-20 12:00:00 UTC.\n"},
		{now.Add(600 * time.Hour), 0, "the clock went ahead by 21 d", "Everything from before 2026-12-15 12:00:00 UTC was deleted.\n" +
			"That is in the future by this machine's clock: that is wrong, or one that was wrong moved it, and requests of now are refused as too old.\nTAKEN" +
			"Maximum age: 7 d. Maximum size: none.\n" +
			"The clock is in doubt: the clock went ahead by 21 d. It is 2026-12-11 12:00:00 UTC by the clock, and data is deleted as of 2026-11-20 12:00:00 UTC.\n"},
	} {
		r := &report.Retention{From: now.Add(-168 * time.Hour), To: now.Add(24 * time.Hour), AgeHours: 168, Size: c.size,
			Clock: report.Clock{Time: now, Deletes: now, Doubt: c.doubt}}
		if c.doubt != "" {
			r.Clock.Time = now.Add(21 * 24 * time.Hour)
		}
		r.SetFloor(c.floor.UnixMilli())
		var b strings.Builder
		if err := Retention(&b, r); err != nil {
			t.Fatal(err)
		}
		want := strings.Replace(c.want, "TAKEN", "Requests are taken that start from 2026-11-13 12:00:00 UTC to 2026-11-21 12:00:00 UTC.\n", 1)
		if b.String() != want {
			t.Errorf("got\n%s\nwant\n%s", b.String(), want)
		}
	}
}

func TestStoreFloor(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for floor, want := range map[int64]string{
		0:                                   "Nothing was deleted by age or size.\n",
		now.UnixMilli():                     "Everything from before 2026-11-20 12:00:00 UTC was deleted.\n",
		now.Add(30 * time.Hour).UnixMilli(): "Everything from before 2026-11-21 18:00:00 UTC was deleted.\n" + futureFloor,
	} {
		var b strings.Builder
		if err := StoreFloor(&b, floor, now); err != nil || b.String() != want {
			t.Errorf("got %q, %v; want %q", b.String(), err, want)
		}
	}
}
