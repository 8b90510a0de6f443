package template

import (
	"strings"
)

// Route returns a route that a sender's router knows, in the one spelling of routes here,
// whatever the router's own is: a parameter is its name in braces. These become /files/{name}:
//
//	/files/:name  /files/:name?  /files/:name([a-z]+)    Express, Fastify, Rails, Gin, Echo
//	/files/*name  /files/{name...}  /files/{*name}       the rest of a path: httprouter, Go, Spring, ASP.NET
//	/files/<name>  /files/<path:name>                    Flask, Django, Bottle
//	/files/[name]  /files/[...name]  /files/[[...name]]  Next.js, Nuxt, SvelteKit
//	/files/{name:path}  /files/{name:[a-z]{2}}  {name?}  Starlette, gorilla/mux, chi, Laravel, ASP.NET
//	^files/(?P<name>[^/.]+)/?$                           Django's regular expressions
//
// A group without a name becomes {id}. What is none of these stays as it is, but a route begins
// with a slash, without the method that Go's patterns may have in front.
func Route(declared string) string {
	s := strings.TrimSpace(declared)
	if strings.HasPrefix(s, "(") && !strings.Contains(s, "/") {
		return s // such as wire.Unmatched
	}
	if method, path, ok := strings.Cut(s, " "); ok && isMethod(method) && strings.HasPrefix(path, "/") {
		s = path
	}
	if isRegexp(s) {
		s = trimRegexp(s)
	}
	var b strings.Builder
	if !strings.HasPrefix(s, "/") {
		b.WriteByte('/')
	}
	for at := 0; at < len(s); {
		before := byte('/')
		if at > 0 {
			before = s[at-1]
		}
		name, n := parameter(s[at:], before)
		if n == 0 {
			b.WriteByte(s[at])
			at++
			continue
		}
		at += n
		if name != "" {
			b.WriteString("{" + name + "}")
		}
	}
	return b.String()
}

func isMethod(s string) bool {
	for i := range len(s) {
		if !isUpper(s[i]) {
			return false
		}
	}
	return s != ""
}

// isRegexp reports whether a route is a regular expression.
func isRegexp(s string) bool {
	return strings.HasPrefix(s, "^") || strings.Contains(s, "(?P<") || strings.HasSuffix(s, "$") && !strings.HasSuffix(s, "{$")
}

// trimRegexp removes an expression's anchors, and the backslashes in front of punctuation.
func trimRegexp(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "^"), `\A`)
	for _, end := range []string{"$", `\Z`, `\z`, "/?"} {
		s = strings.TrimSuffix(s, end)
	}
	var b strings.Builder
	depth := 0 // within a group, whose text is not shown
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && depth == 0 && i+1 < len(s) && strings.IndexByte(`./-_`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
			continue
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parameter returns the name of the parameter that s begins with, and its length; 0 if there is
// none. The name is "" for what stands for no part of the path. What matters is also the
// character before.
func parameter(s string, before byte) (name string, n int) {
	begins := before == '/'
	switch s[0] {
	case '{':
		return inBraces(s)
	case '<':
		if end := strings.IndexByte(s, '>'); end > 0 && !strings.Contains(s[:end], "/") {
			_, name = cutLast(s[1:end], ':')
			return identifier(name), end + 1
		}
	case '[':
		if end := closing(s, '[', ']'); begins && end > 0 && !strings.Contains(s[:end], "/") {
			return identifier(strings.TrimLeft(strings.Trim(s[:end], "[]"), ".")), end
		}
	case '(':
		return group(s)
	case ':':
		// What follows a name is an action: /items:batchGet.
		if name = word(s[1:]); name != "" && strings.IndexByte("/-.~", before) >= 0 {
			return name, 1 + len(name) + suffix(s[1+len(name):])
		}
	case '*':
		if name = word(s[1:]); begins && name != "" {
			return name, 1 + len(name)
		}
	}
	return "", 0
}

// inBraces is parameter for {name}, whose name may have a kind, an expression, a default or a
// mark of being optional or the rest of the path.
func inBraces(s string) (name string, n int) {
	end := closing(s, '{', '}')
	if end == 0 {
		return "", 0
	}
	inner := s[1 : end-1]
	if inner == "$" { // in Go, the path ends here
		return "", end
	}
	inner = strings.TrimLeft(inner, "*")
	if i := strings.IndexAny(inner, ":=?"); i >= 0 {
		inner = inner[:i]
	}
	return identifier(strings.TrimSuffix(inner, "...")), end
}

// group is parameter for a group of a regular expression.
func group(s string) (name string, n int) {
	end := closing(s, '(', ')')
	if end == 0 || end == 2 || strings.HasPrefix(s, "(?:") && !strings.ContainsAny(s[:end], "|[\\") {
		return "", 0
	}
	name = "id"
	for _, begin := range []string{"(?P<", "(?<"} {
		if rest, ok := strings.CutPrefix(s, begin); ok {
			name, _, _ = strings.Cut(rest, ">")
		}
	}
	return identifier(name), end + suffix(s[end:])
}

// suffix returns the length of an expression and a mark of being optional or repeated behind a
// parameter.
func suffix(s string) (n int) {
	if strings.HasPrefix(s, "(") {
		n = closing(s, '(', ')')
	}
	if n < len(s) && strings.IndexByte("?*+", s[n]) >= 0 {
		n++
	}
	return n
}

// closing returns how long s is up to what closes the bracket that it begins with, or 0. Brackets
// in a class or behind a backslash are no brackets.
func closing(s string, open, end byte) int {
	depth, class := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case open != '[' && c == '[':
			class = true
		case open != '[' && c == ']':
			class = false
		case class:
		case c == open:
			depth++
		case c == end:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// cutLast splits s at the last c.
func cutLast(s string, c byte) (before, after string) {
	i := strings.LastIndexByte(s, c)
	if i < 0 {
		return "", s
	}
	return s[:i], s[i+1:]
}

// word returns the identifier at the beginning of s.
func word(s string) string {
	n := 0
	for n < len(s) && (isLetter(s[n]) || s[n] == '_' || n > 0 && isDigit(s[n])) {
		n++
	}
	return s[:n]
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// identifier returns a parameter's name as it is shown: one that is none is id.
func identifier(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s, "{}/ ") {
		return "id"
	}
	return s
}
