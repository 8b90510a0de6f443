package text

import (
	"fmt"
	"io"
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/internal/duration"
)

// Retention writes since when a hub keeps requests, and why.
func Retention(w io.Writer, r *report.Retention) error {
	floor := int64(0)
	if r.Floor != nil {
		floor = r.Floor.UnixMilli()
	}
	text := Floor(floor)
	switch r.Reason {
	case report.FloorAge:
		text += "It follows the maximum age.\n"
	case report.FloorLater:
		text += "That is later than the maximum age asks for: because of the maximum size, a shorter age before, or a clock that was wrong.\n"
	case report.FloorFuture:
		text += futureFloor
	}
	text += fmt.Sprintf("Requests are taken that start from %s to %s.\n", instant(r.From), instant(r.To))
	text += "Maximum age: " + duration.Text(time.Duration(r.AgeHours*float64(time.Hour))) + ". Maximum size: "
	if r.Size > 0 {
		text += figure.Thousands(r.Size) + " bytes.\n"
	} else {
		text += "none.\n"
	}
	if r.Clock.Doubt == "" {
		text += fmt.Sprintf("The clock is trusted: it is %s.\n", instant(r.Clock.Time))
	} else {
		text += fmt.Sprintf("The clock is in doubt: %s. It is %s by the clock, and data is deleted as of %s.\n",
			r.Clock.Doubt, instant(r.Clock.Time), instant(r.Clock.Deletes))
	}
	_, err := io.WriteString(w, text)
	return err
}

const futureFloor = "That is in the future by this machine's clock: that is wrong, or one that was wrong moved it, and requests of now are refused as too old.\n"

// Floor returns the line on a store's floor (Unix ms).
func Floor(floor int64) string {
	if floor == 0 {
		return "Nothing was deleted by age or size.\n"
	}
	return fmt.Sprintf("Everything from before %s was deleted.\n", instant(time.UnixMilli(floor)))
}

// StoreFloor writes the floor of a store that no hub speaks for, at a time.
func StoreFloor(w io.Writer, floor int64, now time.Time) error {
	text := Floor(floor)
	if floor > now.UnixMilli() {
		text += futureFloor
	}
	_, err := io.WriteString(w, text)
	return err
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
