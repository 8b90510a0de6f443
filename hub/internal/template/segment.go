package template

import "strings"

// longLiteral is the length from which a segment with a digit is a token, not a word.
const longLiteral = 64

// isValue reports whether a segment can only be a value: a number, a UUID, hex of
// eight digits and more, a date, an e-mail address or a long token.
func isValue(s string) bool {
	if s == "" {
		return false
	}
	digit := strings.ContainsAny(s, "0123456789")
	return digit && (isNumber(s) || isHex(s) || isUUID(s) || isDate(s) || len(s) > longLiteral) ||
		isEmail(s)
}

// isNumber accepts a sign and a fraction: coordinates are values too.
func isNumber(s string) bool {
	s = strings.TrimLeft(s[:1], "+-") + s[1:]
	whole, fraction, dot := strings.Cut(s, ".")
	return isDigits(whole) && (!dot || isDigits(fraction))
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	return len(s) >= 8 && allHex(s)
}

func allHex(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' &&
		allHex(s[:8]) && allHex(s[9:13]) && allHex(s[14:18]) && allHex(s[19:23]) && allHex(s[24:])
}

// isDate accepts year-month, year-month-day with or without a time, and
// day-month-year, with dashes, dots or underscores between them.
func isDate(s string) bool {
	date := s
	if i := strings.IndexAny(s, "Tt "); i >= 0 {
		date = s[:i]
		clock := s[i+1:]
		if clock == "" || strings.Trim(clock, "0123456789:.,+-Zz") != "" {
			return false
		}
	}
	if len(date) < 7 {
		return false
	}
	at := strings.IndexAny(date, "-._")
	if at < 1 {
		return false
	}
	parts := strings.Split(date, date[at:at+1])
	if len(parts) == 2 {
		return len(parts[0]) == 4 && isYear(parts[0]) && isDayOrMonth(parts[1])
	}
	return len(parts) == 3 && isDayOrMonth(parts[1]) &&
		(isYear(parts[0]) && isDayOrMonth(parts[2]) || isDayOrMonth(parts[0]) && isYear(parts[2]))
}

func isYear(s string) bool { return len(s) == 4 && isDigits(s) && (s[0] == '1' || s[0] == '2') }

func isDayOrMonth(s string) bool {
	return (len(s) == 1 || len(s) == 2) && isDigits(s) && (len(s) == 1 || s[0] <= '3')
}

func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && !strings.ContainsAny(domain, "@ ") &&
		strings.IndexByte(domain, '.') > 0 && !strings.HasSuffix(domain, ".")
}
