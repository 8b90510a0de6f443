package template

import (
	"net/netip"
	"strings"
)

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isNumeric accepts what has digits and nothing but a sign in front of them and
// punctuation between them: numbers, lists and coordinates, phone numbers, ISBNs,
// days and releases.
func isNumeric(s string) bool {
	if s != "" && strings.IndexByte("+-(", s[0]) >= 0 {
		s = s[1:]
	}
	if s == "" || !isDigit(s[0]) || !isDigit(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) && strings.IndexByte(".,;:-+_ ()", s[i]) < 0 {
			return false
		}
	}
	return true
}

// isDate accepts dates that have letters: with a time of day, and those by week.
func isDate(s string) bool {
	date, clock := s, ""
	if i := strings.IndexAny(s, "Tt "); i >= 0 {
		date, clock = s[:i], s[i+1:]
		if clock == "" || strings.Trim(clock, "0123456789:.,+-Zz") != "" {
			return false
		}
	}
	year, week, isWeek := strings.Cut(date, "-W")
	if isWeek {
		return isYear(year) && len(week) <= len("48-4") && isNumeric(week)
	}
	at := strings.IndexAny(date, "-._")
	if at < 1 {
		return isYear(date[:min(4, len(date))]) && len(date) == len("20261126") && isDigits(date) && clock != ""
	}
	parts := strings.Split(date, date[at:at+1])
	if len(parts) != 3 || !isDayOrMonth(parts[1]) {
		return false
	}
	return isYear(parts[0]) && isDayOrMonth(parts[2]) || isDayOrMonth(parts[0]) && isYear(parts[2])
}

func isYear(s string) bool { return len(s) == 4 && isDigits(s) && (s[0] == '1' || s[0] == '2') }

func isDayOrMonth(s string) bool {
	return (len(s) == 1 || len(s) == 2) && isDigits(s) && (len(s) == 1 || s[0] <= '3')
}

// isAddress accepts IPv6 addresses. Those of IPv4 are numeric.
func isAddress(s string) bool {
	if strings.IndexByte(s, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(s)
	return err == nil
}

// isMAC accepts six or eight pairs of hex digits with colons or dashes between them.
func isMAC(s string) bool {
	if len(s) != 17 && len(s) != 23 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != ':' && s[i] != '-' {
				return false
			}
		} else if !isHexDigit(s[i]) {
			return false
		}
	}
	return true
}

// isNumbered accepts identifiers of a short name and a number: PROJ-17, ORD-2026-000123,
// inv-000123, RF20261126001. A lower-case word with a short number, or with a year, is
// a name, and so are a standard such as UTF-8 and a version such as v202611.
func isNumbered(s string) bool {
	name := 0
	for name < len(s) && isWord(s[name:name+1]) {
		name++
	}
	if name == 0 || name == len(s) {
		return false
	}
	number := s[name:]
	if isDigits(number) {
		return name <= 4 && len(number) >= 6 && s[0]|0x20 != 'v'
	}
	if c := number[0]; c != '-' && c != '_' && c != '#' {
		return false
	}
	number = number[1:]
	if number == "" || strings.Trim(number, "0123456789-_") != "" || !isDigit(number[0]) || !isDigit(number[len(number)-1]) {
		return false
	}
	upper := strings.ToUpper(s[:name])
	if standards[upper] {
		return false
	}
	if s[:name] == upper {
		return true
	}
	digits := len(number) - strings.Count(number, "-") - strings.Count(number, "_")
	return digits > 4 || digits == 4 && !(isYear(number) && (number[:2] == "19" || number[:2] == "20"))
}

// standards are names, in capitals, that have a number and are no project of a tracker.
var standards = setOf("AES COVID CP DIN EN GPT HTTP IEC IEEE IP ISO MP RFC RS SHA SOC TLS TOP UTF WINDOWS")
