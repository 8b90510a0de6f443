// Package printable has the one rule for characters in names and texts that others
// show: on a terminal, in a page, in a log. A character that moves the cursor, turns
// the direction of what follows or cannot be seen makes one name look like another, so
// it is replaced in what strangers send (Clean, JSON) and refused in what a
// configuration says (First). wire's format alone is more lenient: what was stored
// under an earlier rule can be read.
package printable

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// unfit are the characters that no name has: controls (C0, DEL, C1), separators of
// lines and paragraphs, formats (bidirectional controls, zero-width characters, tags),
// and letters that are blank.
var unfit = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point,
	{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}}, // the empty pattern of Braille
}

// isFit reports whether r may follow the character before it. Joiners and variation
// selectors shape letters and emoji; beside ASCII they only hide.
func isFit(before, r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= ' ' && r != 0x7f
	case r == 0x200c, r == 0x200d, unicode.Is(unicode.Variation_Selector, r):
		return before >= utf8.RuneSelf
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return true // formats by their category, and visible
	}
	return !unicode.In(r, unfit...)
}

// First returns the first character of s that is unfit.
func First(s string) (r rune, found bool) {
	if isASCII(s) {
		return 0, false
	}
	before := rune(0)
	for _, r := range s {
		if !isFit(before, r) {
			return r, true
		}
		before = r
	}
	return 0, false
}

// isASCII reports whether s is visible ASCII and spaces alone, as most names are.
func isASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c-' ' >= 0x7f-' ' {
			return false
		}
	}
	return true
}

// Is reports whether s is valid UTF-8 without unfit characters.
func Is(s string) bool {
	if isASCII(s) {
		return true
	}
	_, found := First(s)
	return !found && utf8.ValidString(s)
}

// Clean returns s with U+FFFD in place of what makes it unfit. It allocates only
// if something does.
func Clean(s string) string {
	if Is(s) {
		return s
	}
	before := rune(0)
	return strings.Map(func(r rune) rune {
		fit := isFit(before, r)
		before = r
		if !fit {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Name returns how errors name a character, like U+202E.
func Name(r rune) string { return fmt.Sprintf("U+%04X", r) }

// JSON returns a JSON document with U+FFFD in place of characters in its texts that
// are unfit, escaped or not. Line breaks and tabs stay, which texts may have. What is
// not JSON is cleaned, too.
func JSON(document []byte) []byte {
	at := firstToClean(document)
	if at < 0 {
		return document
	}
	out := append(make([]byte, 0, len(document)+8), document[:at]...)
	before := rune(0)
	for at < len(document) {
		r, size := decode(document[at:])
		switch escaped := document[at] == '\\'; {
		case r == utf8.RuneError && size == 1: // a byte that is no UTF-8, which a terminal may obey
			out = append(out, "\uFFFD"...)
		case r == '\n' || r == '\t' || isFit(before, r):
			out = append(out, document[at:at+size]...)
		case escaped:
			out = append(out, `\ufffd`...)
		case r == '\r': // white space between values, which on a terminal hides the line
			out = append(out, ' ')
		default:
			out = append(out, "\uFFFD"...)
		}
		at += size
		before = r
	}
	return out
}

// firstToClean returns where a document begins to hold what JSON looks at closely: an
// escape, a control character, or what is not ASCII; -1 if it has none.
func firstToClean(document []byte) int {
	for i, c := range document {
		if c == '\\' || c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			return i
		}
	}
	return -1
}

// short are the escapes of a letter that stand for another character.
var short = map[byte]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// decode returns the character at the beginning of b, which may be written as an
// escape, and how many bytes it takes.
func decode(b []byte) (r rune, size int) {
	if b[0] != '\\' || len(b) < 2 {
		return utf8.DecodeRune(b)
	}
	if b[1] != 'u' {
		if r, ok := short[b[1]]; ok {
			return r, 2
		}
		return rune(b[1]), 2
	}
	r, ok := escape(b)
	if !ok {
		return '\\', 1 // not JSON
	}
	if utf16.IsSurrogate(r) {
		if low, ok := escape(b[6:]); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, 12
			}
		}
	}
	return r, 6
}

// escape returns the 16 bits of an escape like \u202e.
func escape(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	bits, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return rune(bits), err == nil
}
