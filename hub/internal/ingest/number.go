package ingest

import (
	"math"
	"strconv"
)

// number reads a number's characters, which are those of RFC 8259.
func (l *lexer) number() (token []byte, problem string) {
	if c := l.next(); c != '-' && (c < '0' || c > '9') {
		return nil, l.must("a number")
	}
	start := l.at
	i := start
	digits := func() bool {
		from := i
		for i < len(l.data) && l.data[i] >= '0' && l.data[i] <= '9' {
			i++
		}
		return i > from
	}
	is := func(a, b byte) bool { return i < len(l.data) && (l.data[i] == a || l.data[i] == b) }
	if is('-', '-') {
		i++
	}
	first := i
	ok := digits() && (l.data[first] != '0' || i == first+1)
	if ok && is('.', '.') {
		i++
		ok = digits()
	}
	if ok && is('e', 'E') {
		i++
		if is('+', '-') {
			i++
		}
		ok = digits()
	}
	switch {
	case i >= len(l.data): // No body ends with a number: it may have lost digits.
		return nil, l.truncated()
	case !ok || wordByte(l.data[i]):
		return nil, l.unexpected("a JSON number")
	}
	l.at = i
	return l.data[start:i], ""
}

// maxExact is how many millionths fit into 64 bits.
const maxExact = math.MaxInt64 / 10_000_000

// nanoseconds returns a number of milliseconds in whole nanoseconds, rounded;
// false if it is negative or larger than limit.
func nanoseconds(token []byte, limit int64) (int64, bool) {
	mantissa, fraction := uint64(0), -1
	for i, c := range token {
		switch {
		case c >= '0' && c <= '9' && i < 18:
			mantissa = mantissa*10 + uint64(c-'0')
			if fraction >= 0 {
				fraction++
			}
		case c == '.':
			fraction = 0
		default:
			return roughly(token, limit)
		}
	}
	fraction = max(fraction, 0)
	for ; fraction > 7; fraction-- {
		mantissa /= 10
	}
	switch {
	case mantissa > maxExact:
		return roughly(token, limit)
	case fraction == 7:
		mantissa = (mantissa + 5) / 10
	default:
		for ; fraction < 6; fraction++ {
			mantissa *= 10
		}
	}
	return int64(mantissa), mantissa <= uint64(limit)
}

// roughly is nanoseconds by way of a float64, for signs, exponents and long numbers.
func roughly(token []byte, limit int64) (int64, bool) {
	f, err := strconv.ParseFloat(string(token), 64)
	f = math.Round(f * 1e6)
	if err != nil || f < 0 || f > float64(limit) {
		return 0, false
	}
	return int64(f), true
}

// integer returns a number that has no fraction, such as 200 or 2e2.
func integer(token []byte) (int, bool) {
	f, err := strconv.ParseFloat(string(token), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}
