package kymo

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// level is the place of one of a monitor's middlewares when routers are mounted in each
// other: http.StripPrefix removes the part of the path that the routers further out have
// matched.
type level struct {
	path string // as that middleware saw it; "" for the request's own
	base string // the template of what was removed from the path before
}

// originalPath returns the path that the client asked for.
func originalPath(r *http.Request) string {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		if i := strings.IndexByte(uri, '?'); i >= 0 {
			uri = uri[:i]
		}
		return uri
	}
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil && u.Path != "" {
		return u.EscapedPath()
	}
	return pathOf(r)
}

// below returns the level of a middleware that sees path, of which the next one further
// out, at level l, saw more; pattern is what a router between the two has matched.
func (l level) below(path, pattern string) level {
	taken := strings.Count(l.path, "/") - strings.Count(path, "/")
	if taken <= 0 || !strings.HasPrefix(path, "/") || !l.endsIn(path) {
		return level{path: path, base: l.base}
	}
	return level{path: path, base: l.base + prefixTemplate(l.path, pattern, taken)}
}

// endsIn reports whether p is what remains of l's path, which may be escaped, after a
// prefix was removed. A path that was cleaned or rewritten does not qualify: the client
// could make up any prefix.
func (l level) endsIn(p string) bool {
	prefix, ok := strings.CutSuffix(l.path, p)
	if unescaped, err := url.PathUnescape(l.path); err == nil {
		if u, ends := strings.CutSuffix(unescaped, p); ends {
			prefix, ok = u, true
		}
	}
	return ok && prefix != "/" && path.Clean(prefix) == prefix
}

// join returns the pattern of a router at level l as seen from outside.
func (l level) join(pattern string) string {
	if l.base == "" || pattern == "" {
		return pattern
	}
	return l.base + withoutHost(withoutMethod(pattern))
}

// prefixTemplate returns the template of the first n segments of path, which
// pattern has matched.
func prefixTemplate(path, pattern string, n int) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	known := strings.Split(strings.TrimPrefix(withoutHost(withoutMethod(pattern)), "/"), "/")
	var b strings.Builder
	for i := range min(n, len(segments)) {
		segment := segments[i]
		switch {
		case i < len(known) && known[i] != "" && !strings.HasSuffix(known[i], "...}") && known[i] != "{$}":
			segment = known[i]
		case !isFixed(segment):
			// No pattern covers it, so it may be a value.
			segment = "{prefix}"
		}
		b.WriteString("/" + segment)
	}
	return b.String()
}

// isFixed reports whether a segment looks like a word, or like a version such as "v2",
// rather than like a value.
func isFixed(segment string) bool {
	if len(segment) > 32 {
		return false
	}
	if len(segment) > 1 && segment[0] == 'v' {
		segment = strings.TrimRight(segment, "0123456789")
	}
	for _, c := range []byte(segment) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
