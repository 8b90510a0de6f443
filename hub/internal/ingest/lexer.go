package ingest

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// lexer splits JSON (RFC 8259) into tokens. Its methods return a problem as
// text; the caller adds the place. It does not recurse, so that deep nesting does no harm.
type lexer struct {
	data    []byte
	at      int
	scratch []byte   // unescaped strings of one object
	ignored []string // fields of the body
	strict  bool     // unknown fields are refused
}

// next skips white space and returns the byte after it, 0 at the end.
func (l *lexer) next() byte {
	for l.at < len(l.data) {
		switch c := l.data[l.at]; c {
		case ' ', '\t', '\n', '\r':
			l.at++
		default:
			return c
		}
	}
	return 0
}

// ended reports whether nothing is left, once next has skipped the white space.
func (l *lexer) ended() bool { return l.at >= len(l.data) }

// truncated returns the problem of JSON that was cut short.
func (l *lexer) truncated() string {
	return fmt.Sprintf("the JSON ends at byte %d, before it is complete", len(l.data))
}

// unexpected describes a token that is not allowed here.
func (l *lexer) unexpected(want string) string {
	if l.next() == 0 && l.ended() {
		return l.truncated()
	}
	return fmt.Sprintf("at byte %d: found %q; must be %s", l.at, l.word(), want)
}

// word returns the beginning of the next token, for a message.
func (l *lexer) word() string {
	end := l.at
	for end < len(l.data) && end-l.at < 16 && wordByte(l.data[end]) {
		end++
	}
	if end == l.at && end < len(l.data) {
		_, n := utf8.DecodeRune(l.data[l.at:])
		end += n
	}
	return string(l.data[l.at:end])
}

func wordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == '_'
}

// kind names the type of the next value.
func (l *lexer) kind() string {
	switch c := l.next(); {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	case l.has("true") || l.has("false"):
		return "a boolean"
	case l.has("null"):
		return "null"
	}
	return ""
}

// must describes a value that should be something else.
func (l *lexer) must(want string) string {
	if kind := l.kind(); kind != "" {
		return "must be " + want + ", not " + kind
	}
	return l.unexpected(want)
}

// has reports whether the literal is next.
func (l *lexer) has(literal string) bool {
	return len(l.data)-l.at >= len(literal) && string(l.data[l.at:l.at+len(literal)]) == literal &&
		(len(l.data)-l.at == len(literal) || !wordByte(l.data[l.at+len(literal)]))
}

// null skips a null and reports whether there was one.
func (l *lexer) null() bool {
	if l.next() == 'n' && l.has("null") {
		l.at += len("null")
		return true
	}
	return false
}

// str reads a string, which need not be UTF-8. It is valid as long as data and scratch are.
func (l *lexer) str() (s []byte, problem string) {
	if l.next() != '"' {
		return nil, l.must("a string")
	}
	start := l.at + 1
	for i := start; i < len(l.data); i++ {
		switch c := l.data[i]; {
		case c == '"':
			l.at = i + 1
			return l.data[start:i], ""
		case c == '\\':
			return l.escaped(start, i)
		case c < ' ':
			return nil, fmt.Sprintf("at byte %d: control character in a string; must be escaped", i)
		}
	}
	l.at = len(l.data)
	return nil, l.truncated()
}

// escaped is str for a string whose first escape is at i.
func (l *lexer) escaped(start, i int) (s []byte, problem string) {
	from := len(l.scratch)
	out := append(l.scratch, l.data[start:i]...) //nolint:gocritic // kept in l.scratch once the string is whole
	for i < len(l.data) {
		c := l.data[i]
		switch {
		case c == '"':
			l.at, l.scratch = i+1, out
			return out[from:], ""
		case c < ' ':
			return nil, fmt.Sprintf("at byte %d: control character in a string; must be escaped", i)
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		if i+1 >= len(l.data) {
			break
		}
		i += 2
		switch c = l.data[i-1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, n := l.unicode(i)
			if i+4 > len(l.data) {
				return nil, l.truncated()
			}
			if n == 0 {
				return nil, fmt.Sprintf("at byte %d: \\u must be followed by four hex digits", i-2)
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			return nil, fmt.Sprintf("at byte %d: unknown escape \\%c", i-2, c)
		}
	}
	l.at = len(l.data)
	return nil, l.truncated()
}

// unicode reads four hex digits at i, or ten characters that are a surrogate
// pair. A surrogate alone is U+FFFD, as in encoding/json.
func (l *lexer) unicode(i int) (r rune, n int) {
	r = l.hex4(i)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if i+6 <= len(l.data) && l.data[i+4] == '\\' && l.data[i+5] == 'u' {
		if pair := utf16.DecodeRune(r, l.hex4(i+6)); pair != utf8.RuneError {
			return pair, 10
		}
	}
	return utf8.RuneError, 4
}

func (l *lexer) hex4(i int) rune {
	if i+4 > len(l.data) {
		return -1
	}
	r := rune(0)
	for _, c := range l.data[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}
