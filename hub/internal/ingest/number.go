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
	n, ok := scanNumber(l.data[l.at:])
	switch end := l.at + n; {
	case end >= len(l.data): // No body ends with a number: it may have lost digits.
		return nil, l.truncated()
	case !ok || wordByte(l.data[end]):
		return nil, l.unexpected("a JSON number")
	}
	token = l.data[l.at : l.at+n]
	l.at += n
	return token, ""
}

// scanNumber returns how many characters at the beginning of s are a number's, or
// could be, and whether they are one.
func scanNumber(s []byte) (n int, ok bool) {
	digits := func() bool {
		from := n
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n > from
	}
	is := func(a, b byte) bool { return n < len(s) && (s[n] == a || s[n] == b) }
	if is('-', '-') {
		n++
	}
	first := n
	ok = digits() && (s[first] != '0' || n == first+1)
	if ok && is('.', '.') {
		n++
		ok = digits()
	}
	if ok && is('e', 'E') {
		n++
		if is('+', '-') {
			n++
		}
		ok = digits()
	}
	return n, ok
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
