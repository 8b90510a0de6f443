// Package duration has the one form of durations in what people read: reasons of
// checks and of slow endpoints, tables, progress and errors. Configurations, and errors
// about what to write there, have the form that Parse reads (1m30s); JSON has numbers of
// milliseconds.
package duration

import (
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// grains are what durations are rounded to, the coarsest first.
var grains = []time.Duration{
	time.Hour, time.Minute, time.Second,
	100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond,
	100 * time.Microsecond, 10 * time.Microsecond, time.Microsecond,
	100, 10, 1,
}

// Text returns d with three significant digits and a unit, from a minute on in its two
// largest units: 1.24 ms, 80 ms, 2 s, 1 min 30 s, 3 h 20 min, 7 d.
func Text(d time.Duration) string { return write(d, grainOf(d)) }

// Seconds is Text to the second.
func Seconds(d time.Duration) string {
	if d = d.Round(time.Second); d == 0 {
		return "0 s"
	}
	return Text(d)
}

// Distinct returns two durations as Text does, with as many more digits as it takes to
// tell them apart: 50.02 ms and 50 ms.
func Distinct(a, b time.Duration) (textA, textB string) {
	for finer := range grains {
		textA, textB = write(a, grainOf(a)+finer), write(b, grainOf(b)+finer)
		if textA != textB {
			break
		}
	}
	return textA, textB
}

// grainOf returns the index of the grain with which d has three digits or two units.
func grainOf(d time.Duration) int {
	switch d = d.Abs(); {
	case d >= day:
		return 0
	case d >= time.Hour:
		return 1
	case d >= time.Minute-50*time.Millisecond: // 59.95 s would be 60.0 s
		return 2
	}
	grain := 3
	for grain < len(grains)-1 && d < 100*grains[grain] {
		grain++
	}
	return grain
}

// write returns d rounded to a grain. Whole units that are left out are not rounded: an
// outage of 1 h 59 min 50 s did not last two hours.
func write(d time.Duration, grain int) string {
	if d < 0 {
		return "-" + write(d.Abs(), grain)
	}
	if unit := grains[min(grain, len(grains)-1)]; unit < time.Second {
		d = d.Round(unit)
	} else {
		d = d.Round(time.Second).Truncate(unit)
	}
	switch {
	case d == 0:
		return "0 ms"
	case d < time.Microsecond:
		return number(d, time.Nanosecond, "ns")
	case d < 100*time.Microsecond:
		return number(d, time.Microsecond, "µs")
	case d < time.Second:
		return number(d, time.Millisecond, "ms")
	}
	var parts []string
	part := func(unit time.Duration, name string) {
		if d >= unit {
			parts = append(parts, number(d.Truncate(unit), unit, name))
			d %= unit
		}
	}
	part(day, "d")
	part(time.Hour, "h")
	part(time.Minute, "min")
	if d > 0 {
		parts = append(parts, number(d, time.Second, "s"))
	}
	return strings.Join(parts, " ")
}

// number returns d in a unit, with as many digits as it has.
func number(d, unit time.Duration, name string) string {
	return strconv.FormatFloat(float64(d)/float64(unit), 'f', -1, 64) + " " + name
}
