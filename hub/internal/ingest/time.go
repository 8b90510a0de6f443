package ingest

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// timeExample is a timestamp as it should be written.
const timeExample = "2026-11-23T10:15:30.123Z"

// timestamp reads a time as a string, or as a number since 1970, or null as NoTime.
func (l *lexer) timestamp() (start int64, problem string) {
	switch c := l.next(); {
	case l.null():
		return NoTime, ""
	case c == '"':
		s, problem := l.str()
		if problem != "" {
			return 0, problem
		}
		return parseTime(s)
	case c == '-' || c >= '0' && c <= '9':
		token, problem := l.number()
		if problem != "" {
			return 0, problem
		}
		return unixTime(token)
	}
	return 0, l.must(fmt.Sprintf("a string such as %q, Unix time as a number, or null", timeExample))
}

// parseTime reads RFC 3339 and what comes near to it: a space for the T, lower-case
// letters, no zone, which is UTC, or one without a colon or minutes.
func parseTime(s []byte) (start int64, problem string) {
	var room [64]byte
	var t time.Time
	if len(s) > len(room)-len("+00:00") || t.UnmarshalText(strictTime(room[:0], s)) != nil {
		return 0, fmt.Sprintf("is %q; must be a time such as %s, or Unix time as a number", wire.Clean(string(s), 40), timeExample)
	}
	if start = t.UnixMilli(); start < 0 || start > wire.MaxStart {
		return 0, wire.StartProblem
	}
	return start, ""
}

// strictTime appends a time to dst as RFC 3339 has it, if it is one.
func strictTime(dst, s []byte) []byte {
	const date, clock = len("2026-11-23"), len("2026-11-23T10:15:30")
	if len(s) < clock {
		return append(dst, s...)
	}
	dst = append(dst, s...)
	if dst[date] == ' ' || dst[date] == 't' {
		dst[date] = 'T'
	}
	zone := len(dst)
	for zone > clock && dst[zone-1] != '+' && dst[zone-1] != '-' && dst[zone-1]|0x20 != 'z' {
		zone--
	}
	if zone == clock {
		return append(dst, 'Z')
	}
	switch zone--; {
	case dst[zone]|0x20 == 'z':
		dst[zone] = 'Z'
	case len(dst)-zone == len("+01"):
		dst = append(dst, ":00"...)
	case len(dst)-zone == len("+0100"):
		minutes := [2]byte(dst[len(dst)-2:])
		dst = append(append(dst[:len(dst)-2], ':'), minutes[:]...)
	}
	return dst
}

// unixTime reads seconds, milliseconds, microseconds or nanoseconds since 1970, told
// apart by their size: 1e11 is the year 5138 in seconds, and 1973 in milliseconds, and so on.
func unixTime(token []byte) (start int64, problem string) {
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil || f < 0 {
		return 0, wire.StartProblem
	}
	perMS := 1e-3
	for perMS < 1e6 && f >= 1e14*perMS {
		perMS *= 1e3
	}
	if f/perMS > wire.MaxStart { // also where an int64 would overflow
		return 0, wire.StartProblem
	}
	if whole, ok := digits(token, math.MaxInt64/10); ok && perMS >= 1 {
		start = whole / int64(perMS) // exact also where a float64 is not
	} else {
		start = int64(f/perMS + 1e-3) // a decimal fraction can be a little less as a float64
	}
	return start, ""
}
