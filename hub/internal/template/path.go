package template

import (
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// Placeholders in a template.
const (
	ID   = "{id}"   // one segment that is a value
	Rest = "{rest}" // all that follows, in a path too deep or too long
)

// maxDepth is how many segments a template has at most; deeper ones end in Rest.
const maxDepth = 16

// Path returns the endpoint that a raw path or URL belongs to, and whether it
// had to be cut to be within wire.MaxEndpoint. Scheme, host, query and fragment
// are left off, and segments that are values become ID. A path whose braces are all
// placeholders is a template already, and wire.Unmatched and wire.Other are names: they stay.
func Path(raw string) (endpoint string, cut bool) {
	path := bare(raw)
	if isTemplate(path) {
		return wire.Clean(path, wire.MaxEndpoint), len(path) > wire.MaxEndpoint
	}
	var room [maxDepth + 1]string
	return join(raw, segments(path, room[:0]))
}

// IsTemplate reports whether a path or URL is a template already, or a name.
func IsTemplate(raw string) bool { return isTemplate(bare(raw)) }

func isTemplate(s string) bool {
	return strings.IndexByte(s, '{') >= 0 && isWellFormed(s) || s == wire.Unmatched || s == wire.Other
}

// isWellFormed reports whether all braces of a path are those of placeholders. Others are a
// stranger's.
func isWellFormed(s string) bool {
	depth, open := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			if depth == 0 {
				open = i
			}
			depth++
		case '}':
			if depth--; depth < 0 || depth == 0 && !isPlaceholder(s[open+1:i]) {
				return false
			}
		}
	}
	return depth == 0
}

// isPlaceholder accepts a name, with what routers write before and behind it: {*path},
// {path...}, {id:[0-9]{4}}, {id?}; and the end of a path, {$}.
func isPlaceholder(s string) bool {
	s = strings.TrimLeft(s, "*.")
	if s == "" || s != "$" && s[0] != '_' && !isWord(s[:1]) {
		return false
	}
	return !strings.ContainsAny(s, "/\"'<>")
}

// bare takes scheme and host, query and fragment off a URL. A "?" at the end of braces
// belongs to a template, as in /files/{path?}.
func bare(raw string) string {
	if i := end(raw); i >= 0 {
		raw = raw[:i]
	}
	if i := strings.Index(raw, "://"); i > 0 && strings.IndexByte(raw[:i], '/') < 0 {
		raw = raw[i+3:]
		if i = strings.IndexByte(raw, '/'); i < 0 {
			return "/"
		}
		raw = raw[i:]
	}
	if raw == "" {
		return "/"
	}
	return raw
}

// end returns where a URL's query or fragment begins, -1 if it has neither.
func end(raw string) int {
	for i := range len(raw) {
		if c := raw[i]; c == '#' || c == '?' && !strings.HasPrefix(raw[i+1:], "}") {
			return i
		}
	}
	return -1
}

// segments appends the template's segments to dst. The first is empty if the
// path starts with a slash and the last if it ends with one; in between, empty
// ones are left out.
func segments(path string, dst []string) []string {
	for first := true; ; first = false {
		segment, rest, more := strings.Cut(path, "/")
		switch {
		case !more:
			return appendSegment(dst, segment, true)
		case len(dst) == maxDepth:
			return append(dst, Rest)
		case segment != "" || first:
			dst = appendSegment(dst, segment, false)
		}
		path = rest
	}
}

// join puts segments together again, ending in Rest if they are too long. If
// they are what raw was made of, the result is raw.
func join(raw string, segs []string) (endpoint string, cut bool) {
	size := len(segs) - 1
	for _, s := range segs {
		size += len(s)
	}
	if size > wire.MaxEndpoint {
		cut = true
		for len(segs) > 1 && size+1+len(Rest) > wire.MaxEndpoint {
			size -= 1 + len(segs[len(segs)-1])
			segs = segs[:len(segs)-1]
		}
		segs = append(segs, Rest)
	}
	var room [wire.MaxEndpoint + 1]byte
	b := room[:0]
	for i, s := range segs {
		if i > 0 {
			b = append(b, '/')
		}
		b = append(b, s...)
	}
	if string(b) == raw {
		return wire.Clean(raw, wire.MaxEndpoint), cut
	}
	return wire.Clean(string(b), wire.MaxEndpoint), cut
}
