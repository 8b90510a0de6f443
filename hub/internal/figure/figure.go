// Package figure has the one form of numbers in what people read: tables, progress and
// reasons. Package duration has that of durations.
package figure

import (
	"math"
	"strconv"
	"strings"
)

// Thousands formats a whole number with separators: 1,234,567.
func Thousands(n int64) string {
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

// ThreeDigits formats a number with about three significant digits, so that a
// column of latencies from microseconds to minutes stays narrow: 0.42, 12.3, 1,234.
func ThreeDigits(v float64) string {
	switch abs := math.Abs(v); {
	case abs >= 99.95:
		return Thousands(int64(math.Round(v)))
	case abs >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case abs > 0 && abs < 0.0995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// Percent formats a share of 1 as a percentage without its sign. A share that
// would round to 0 or to 100 but is neither is written as <0.01 or >99.99.
func Percent(share float64) string {
	switch p := share * 100; {
	case share > 0 && p < 0.005:
		return "<0.01"
	case share < 1 && p >= 99.995:
		return ">99.99"
	default:
		return strconv.FormatFloat(p, 'f', 2, 64)
	}
}

// Plural formats a count and its noun: 1 row, 2,500 rows.
func Plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Thousands(n) + " " + noun
}

// Bytes formats a size: 0 bytes, 12.3 MiB.
func Bytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return Plural(n, "byte")
	}
	v, i := float64(n)/(1<<10), 0
	for v >= 1<<10 && i < len(units)-1 {
		v /= 1 << 10
		i++
	}
	return ThreeDigits(v) + " " + units[i]
}
