package main

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// thousands writes a whole number with separators: 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return sign + b.String()
}

// threeDigits writes a number with about three digits that matter, so that a
// column of latencies from microseconds to minutes stays narrow: 0.42, 12.3, 1,234.
func threeDigits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 99.95:
		return thousands(int64(math.Round(v)))
	case abs >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs > 0 && abs < 0.0995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// percent writes a share of 1 as a percentage without its sign. A share that
// would round to 0 or to 100 without being so is not written as if it were.
func percent(share float64) string {
	switch p := share * 100; {
	case share > 0 && p < 0.005:
		return "<0.01"
	case share < 1 && p >= 99.995:
		return ">99.99"
	default:
		return strconv.FormatFloat(p, 'f', 2, 64)
	}
}

// seconds writes a span of time for people: 4 s, 2 min 5 s, 3 h 10 min.
func seconds(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	part := func(n int64, unit string) string { return strconv.FormatInt(n, 10) + " " + unit }
	switch {
	case s < 60:
		return part(s, "s")
	case s < 3600:
		return part(s/60, "min") + " " + part(s%60, "s")
	}
	return part(s/3600, "h") + " " + part(s%3600/60, "min")
}

// plural writes a count and its noun.
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return thousands(n) + " " + noun
}
