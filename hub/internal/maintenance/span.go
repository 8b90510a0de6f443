package maintenance

import (
	"cmp"
	"slices"
	"strings"
)

// Span is a stretch of time, [From, To) in Unix milliseconds, in which a window is in force.
type Span struct {
	Name     string // of the window
	Where    Where
	From, To int64
}

// Check is what a window may concern: the check of that name within a service, or of the
// hub's own if Service is "". A service as a whole has no Check.
type Check struct{ Service, Check string }

// Own returns what a check of the hub's is. By its name it may be a check or a service.
func Own(name string) []Check { return []Check{{"", name}, {name, ""}} }

// Named returns what a check may be by its name in the history: one of the hub's own, or
// one within a service, which are joined with a slash.
func Named(name string) []Check {
	all := Own(name)
	for i := range len(name) {
		if name[i] == '/' {
			all = append(all, Check{name[:i], name[i+1:]})
		}
	}
	return all
}

// Concerns reports whether any of what a check may be is selected.
func (w *Where) Concerns(check []Check) bool {
	return slices.ContainsFunc(check, func(c Check) bool {
		return (w.Service == "" || w.Service == c.Service) && (w.Check == "" || w.Check == c.Check)
	})
}

// Merge returns when a check is in maintenance by the spans that concern it, as far as
// that is in [from, to), without overlaps and the earliest first. Where windows overlap,
// the one that began first is named.
func Merge(spans []Span, check []Check, from, to int64) []Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.From, b.From), strings.Compare(a.Name, b.Name), cmp.Compare(b.To, a.To))
	})
	var merged []Span
	for _, s := range spans {
		if s.From, s.To = max(s.From, from), min(s.To, to); !s.Where.Concerns(check) {
			continue
		}
		if n := len(merged); n > 0 {
			s.From = max(s.From, merged[n-1].To)
			if s.From < s.To && s.From == merged[n-1].To && s.Name == merged[n-1].Name {
				merged[n-1].To = s.To
				continue
			}
		}
		if s.From < s.To {
			merged = append(merged, s)
		}
	}
	return merged
}
