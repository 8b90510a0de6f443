package maintenance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// every is on which days something happens, and when. Each of the three kinds of days is
// enough.
type every struct {
	weekdays   [7]bool    // in each week
	nth        [7][6]bool // in each month: the 1st to 4th of a weekday, and the last one at 5
	dayOfMonth [32]bool   // from 1
	hour       int
	minute     int
}

var (
	weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	ordinals = []string{"", "first", "second", "third", "fourth", "last"}
)

const everyForm = `write days and a time, like "Sun 02:00", "Mon-Fri 22:30", "daily 02:00", "first Sun 02:00" or "day 15 02:00"`

// parseEvery parses days and a time of 24 hours. Without days, it is each day:
//
//	02:00, daily 02:00      each day
//	Sun 02:00               each Sunday; names of days may be written in full
//	Sat,Sun 02:00           on both
//	Mon-Fri 22:30           from one to the other; Fri-Mon has four days
//	first Sun 02:00         of the month; also second, third, fourth and last
//	day 1,15 02:00          of the month; one that the month does not have is left out
func parseEvery(text string) (*every, error) {
	words := strings.Fields(strings.ToLower(text))
	wrong := fmt.Errorf("%q is not understood; %s", text, everyForm)
	if len(words) == 0 || len(words) > 3 {
		return nil, wrong
	}
	clock, err := time.Parse("15:04", words[len(words)-1])
	if err != nil {
		return nil, fmt.Errorf("%q does not end with a time from 00:00 to 23:59; %s", text, everyForm)
	}
	e := &every{hour: clock.Hour(), minute: clock.Minute()}
	words = words[:len(words)-1]
	ok := true
	switch n := 0; {
	case len(words) == 0, len(words) == 1 && words[0] == "daily":
		e.weekdays = [7]bool{true, true, true, true, true, true, true}
	case len(words) == 1:
		ok = eachDay(words[0], func(day int) { e.weekdays[day] = true })
	case words[0] == "day":
		for number := range strings.SplitSeq(words[1], ",") {
			if n, err = strconv.Atoi(number); err != nil || n < 1 || n > 31 {
				return nil, wrong
			}
			e.dayOfMonth[n] = true
		}
	default:
		if n = slices.Index(ordinals, words[0]); n < 1 {
			return nil, wrong
		}
		ok = eachDay(words[1], func(day int) { e.nth[day][n] = true })
	}
	if !ok {
		return nil, wrong
	}
	return e, nil
}

// eachDay calls f with each of the days of the week that a text like "Mon-Wed,Sun" has. It
// reports whether that is one.
func eachDay(text string, f func(day int)) bool {
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		begin, end := weekday(from), weekday(to)
		if begin < 0 || end < 0 {
			return false
		}
		for day := begin; ; day = (day + 1) % 7 {
			f(day)
			if day == end {
				break
			}
		}
	}
	return true
}

// weekday returns the number of a day, from its name or the first three letters; -1 if it
// is none.
func weekday(name string) int {
	for day, short := range weekdays {
		if name == short || name == strings.ToLower(time.Weekday(day).String()) {
			return day
		}
	}
	return -1
}

// on reports whether it happens on a date.
func (e *every) on(date time.Time) bool {
	day, weekday := date.Day(), date.Weekday()
	if e.weekdays[weekday] || e.dayOfMonth[day] {
		return true
	}
	nth := &e.nth[weekday]
	last := date.AddDate(0, 0, 7).Month() != date.Month()
	n := (day + 6) / 7
	return n < 5 && nth[n] || last && nth[5]
}
