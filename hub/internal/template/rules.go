package template

import (
	"fmt"
	"path"
	"strings"

	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// Rule gives some paths an endpoint, whatever they look like. It leaves routes alone that a
// sender declares.
type Rule struct {
	Service string // whose paths; "" for those of every service
	// Path is the paths: in a segment, * stands for any characters; ** at the end stands for
	// one or more segments.
	Path     string
	Endpoint string // that they have
	Keep     bool   // each of them is an endpoint of its own, as it is
}

// Rules are tried in order; the first that concerns a path decides.
type Rules []Rule

// Problem returns the first field of a rule that is wrong, and what would be right, or "".
func (r *Rule) Problem() (field, problem string) {
	for _, text := range []struct {
		field, value string
		limit        int
	}{{"service", r.Service, wire.MaxService}, {"path", r.Path, 1000}, {"endpoint", r.Endpoint, wire.MaxEndpoint}} {
		if len(text.value) > text.limit {
			return text.field, fmt.Sprintf("has %d bytes; at most %d", len(text.value), text.limit)
		}
		if bad, ok := printable.First(text.value); ok {
			return text.field, fmt.Sprintf("contains %s, which no path has", printable.Name(bad))
		}
	}
	switch inner, _ := strings.CutSuffix(r.Path, "/**"); {
	case r.Path == "":
		return "path", "is missing; write the paths that the rule is for, like /docs/**"
	case r.Path[0] != '/':
		return "path", fmt.Sprintf("is %q; must begin with a slash, like /docs/**", r.Path)
	case strings.Contains(inner, "**"):
		return "path", fmt.Sprintf("is %q; ** stands for the rest of a path, and can only be its last segment", r.Path)
	case strings.ContainsAny(r.Path, "?#"):
		return "path", fmt.Sprintf("is %q; a rule is for paths, which have no query and no fragment", r.Path)
	case r.Keep && r.Endpoint != "":
		return "endpoint", "must be left out with keep: true, which keeps each path as it is"
	case !r.Keep && r.Endpoint == "":
		return "endpoint", "is missing; write the endpoint of these paths, like /docs/{page}, or keep: true"
	case !r.Keep && r.Endpoint[0] != '/':
		return "endpoint", fmt.Sprintf("is %q; must begin with a slash, like /docs/{page}", r.Endpoint)
	}
	return "", ""
}

// Endpoint returns the endpoint that a rule gives a raw path, if there is one.
func (r Rules) Endpoint(service, raw string) (endpoint string, ok bool) {
	if len(r) == 0 {
		return "", false
	}
	p := bare(raw)
	switch {
	case p == wire.Unmatched || p == wire.Other:
		return "", false
	case !strings.HasPrefix(p, "/"):
		p = "/" + p
	}
	for i := range r {
		rule := &r[i]
		if rule.Service != "" && rule.Service != service || !rule.matches(p) {
			continue
		}
		if rule.Keep {
			return wire.Clean(p, wire.MaxEndpoint), true
		}
		return rule.Endpoint, true
	}
	return "", false
}

// matches reports whether the rule concerns a path. A slash at the end makes no difference.
func (r *Rule) matches(p string) bool {
	pattern, rest := strings.CutSuffix(r.Path, "/**")
	pattern, p = strings.TrimSuffix(pattern, "/"), strings.TrimSuffix(p, "/")
	for pattern != "" {
		if p == "" {
			return false
		}
		var want, have string
		want, pattern = cutFirst(pattern)
		have, p = cutFirst(p)
		if !like(want, have) {
			return false
		}
	}
	return rest == (p != "")
}

// cutFirst cuts the first segment off a path, which begins with a slash.
func cutFirst(p string) (segment, rest string) {
	p = p[1:]
	if i := strings.IndexByte(p, '/'); i >= 0 {
		return p[:i], p[i:]
	}
	return p, ""
}

var onlyStars = strings.NewReplacer(`\`, `\\`, `[`, `\[`)

// like reports whether a segment is like a pattern, in which only * is special.
func like(pattern, segment string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == segment
	}
	matched, err := path.Match(onlyStars.Replace(pattern), segment)
	return matched && err == nil
}
