package maintenance

import (
	"fmt"
	"time"
)

// zone returns a time zone by its IANA name.
func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // which is another one on each machine
		return nil, errorf("zone", "there is no time zone %q; write an IANA name, like Europe/Berlin, or UTC", name)
	}
	return z, nil
}

// wallLayouts are forms of a date and a time without a zone.
var wallLayouts = []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05"}

// The years in which windows may be.
const (
	minYear = 2000
	maxYear = 2999
)

// instant parses an instant, with its own zone or in another.
func instant(text string, in *time.Location) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	for i := 0; err != nil && i < len(wallLayouts); i++ {
		if at, err = time.Parse(wallLayouts[i], text); err == nil {
			at = first(at, in)
		}
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time; write a date and a time in the zone, like 2026-11-29 02:00, or RFC 3339", text)
	}
	if at.Year() < minYear || at.Year() > maxYear {
		return time.Time{}, fmt.Errorf("%q is not in the years %d to %d", text, minYear, maxYear)
	}
	return at, nil
}

// first returns the first instant at which the clocks of a zone show a date and a time,
// which are given as if in UTC, or a later one: if they are set forward over it, that is
// when this happens; if they show it twice, it is the first time.
func first(wall time.Time, in *time.Location) time.Time {
	const farthest = 26 * time.Hour // that a zone is from UTC, and some
	for at := wall.Add(-farthest).In(in); ; {
		begin, end := at.ZoneBounds()
		_, offset := at.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second)
		if end.IsZero() || t.Before(end) {
			if t.Before(begin) {
				t = begin
			}
			return t.UTC()
		}
		at = end
	}
}
