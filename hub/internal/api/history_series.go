package api

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/store"
)

// joined returns the name of the check as results have it.
func (in *historyInput) joined() string {
	if in.Service == "" {
		return in.Name
	}
	return in.Service + "/" + in.Name
}

// series is one check among those whose names are the same when they are joined with that
// of their service: "b/c" of a and "c" of a/b are two.
type series struct {
	in       *historyInput
	own      bool     // it is one of the hub's own
	services []string // of the results that were selected
}

// filter leaves out the results of other checks. If there is nothing to tell them apart
// by, services has more than one afterwards.
func (s *series) filter(results iter.Seq2[*store.HealthRecord, error]) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		for r, err := range results {
			if err == nil {
				service := r.Service
				if r.Check == "" {
					service = "" // the hub's own check of it
				}
				if service == "" && r.Check == maintenance.Series {
					continue // it is no check
				}
				if s.own && service != "" || s.in.Service != "" && s.in.Service != service {
					continue
				}
				if !slices.Contains(s.services, service) {
					s.services = append(s.services, service)
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// ambiguousError means that a name is that of several checks.
type ambiguousError struct{ detail string }

func (e *ambiguousError) Error() string { return e.detail }

func (s *series) ambiguous() error {
	var each []string
	for _, service := range slices.Sorted(slices.Values(s.services)) {
		if service != "" {
			each = append(each, fmt.Sprintf("service=%s with name=%s", service, strings.TrimPrefix(s.in.Name, service+"/")))
		}
	}
	return &ambiguousError{fmt.Sprintf("%q is the name of several checks; add %s", s.in.Name, strings.Join(each, ", or "))}
}
