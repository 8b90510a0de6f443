package kymo

import (
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// endpoint returns the endpoint for a pattern, "[METHOD ][HOST]/[PATH]" in the syntax of
// any router.
func endpoint(pattern string) string {
	pattern = withoutMethod(pattern)
	if pattern == "" {
		return wire.Unmatched
	}
	return wire.Clean(template(pattern), wire.MaxEndpoint)
}

// withoutMethod returns the pattern from its host on.
func withoutMethod(pattern string) string {
	// A space within the braces of a parameter is part of its expression.
	if i := strings.IndexAny(pattern, " \t/{"); i >= 0 && pattern[i] != '/' && pattern[i] != '{' {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	return pattern
}

// withoutHost returns the pattern, which has no method, from its path on.
func withoutHost(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i > 0 {
		return pattern[i:]
	}
	return pattern
}

// template writes a pattern's parameters as http.ServeMux does:
//
//	:id  :id?  :id<int>  :id(\d+)  {id:[0-9]+}  {id?}  {id=*}  {id}
//	*path  *  +  {path:.*}  {path=**}                          {path...}
//
// A parameter of google.api.http that spans literal segments, as in
// {name=shelves/*}, stays as it is: they are part of the path.
func template(pattern string) string {
	if !strings.ContainsAny(pattern, ":*+{") {
		return pattern
	}
	var b strings.Builder
	b.Grow(len(pattern) + 8)
	for i := 0; i < len(pattern); {
		// A parameter of Gin, Echo or Fiber begins its segment, or follows a
		// literal part of it, as in "/flights/:from-:to".
		switch c := pattern[i]; {
		case c == '{':
			end := closing(pattern[i:], '{', '}')
			b.WriteString(braced(pattern[i : i+end]))
			i += end
		case c == ':' && startsParameter(pattern, i):
			name, end := colon(pattern[i:])
			b.WriteString("{" + name + "}")
			i += end
		case (c == '*' || c == '+') && i > 0 && pattern[i-1] == '/':
			name := wordAt(pattern[i+1:])
			rest := pattern[i+1+len(name):]
			if rest != "" && rest[0] != '/' {
				b.WriteByte(c)
				i++
				continue
			}
			if name == "" {
				name = "path"
			}
			b.WriteString("{" + name + "...}")
			i = len(pattern) - len(rest)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// startsParameter reports whether the colon at i begins a parameter, rather than being
// part of a literal such as "/v1/jobs:cancel".
func startsParameter(pattern string, i int) bool {
	if wordAt(pattern[i+1:]) == "" {
		return false
	}
	switch before := pattern[max(i-1, 0)]; {
	case i == 0 || before == '/' || before == '-' || before == '.':
		return true
	case before == ')' || before == '>' || before == '?':
		return true // after another parameter
	}
	return false
}

// colon reads the parameter at the start of s, and returns its name and length.
func colon(s string) (name string, length int) {
	name = wordAt(s[1:])
	i := 1 + len(name)
	for _, pair := range []string{"<>", "()"} {
		if i < len(s) && s[i] == pair[0] {
			i += closing(s[i:], pair[0], pair[1])
		}
	}
	if i < len(s) && s[i] == '?' {
		i++
	}
	return name, i
}

// braced returns the parameter p, which is in braces, without its expression.
func braced(p string) string {
	inner := strings.TrimSuffix(p[1:], "}")
	if inner == "$" || strings.HasSuffix(inner, "...") {
		return p
	}
	if name, ok := strings.CutSuffix(inner, "=**"); ok {
		return "{" + name + "...}"
	}
	inner = strings.TrimSuffix(inner, "=*")
	name, expression, _ := strings.Cut(inner, ":")
	name = strings.TrimSpace(name)
	switch {
	case expression == ".*" || expression == ".+" || expression == "*" || strings.HasPrefix(name, "*"):
		return "{" + strings.TrimLeft(name, "*") + "...}"
	default:
		return "{" + strings.TrimSuffix(name, "?") + "}"
	}
}

// closing returns the length of the bracket that s begins with.
func closing(s string, open, end byte) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case open:
			depth++
		case end:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// wordAt returns the identifier that s begins with.
func wordAt(s string) string {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c < 0x80 {
			return s[:i]
		}
	}
	return s
}
