package table

import (
	"math"
	"strconv"
	"strings"
)

// Number writes v with the given decimals, thousands grouped; "–" if there is none.
func Number(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if v < 0 && strings.Trim(s, "0.") != "" {
		whole = "-" + whole
	}
	return whole
}

// Ratio writes a ratio with as many decimals as its size makes sensible.
func Ratio(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return Number(v, 0)
	case math.Abs(v) >= 10:
		return Number(v, 1)
	}
	return Number(v, 2)
}

// Percent writes a share with three decimals.
func Percent(v float64) string { return Number(100*v, 3) }
