package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/nearest"
)

// dependencies rejects checks and services that depend on what is not there, or on each
// other in a circle.
func (v *verdict) dependencies() {
	parents := make(map[string][]string)
	unnamed := false // an entry whose error keeps its name from being known
	each := func(entry, name string, on []string) {
		for i, parent := range on {
			field := fmt.Sprintf("%s.depends_on[%d]", entry, i)
			switch {
			case v.names[name] != entry: // it has no name of its own
			case parent == name:
				v.add(Errorf(field, "is the check itself; leave it out"))
			case slices.Contains(on[:i], parent):
				v.add(Errorf(field, "names %q again; leave it out", parent))
			case v.names[parent] == "" && (unnamed || v.Excerpt || health.ValidateName(parent) != nil): // there is an error already
			case v.names[parent] == "":
				v.add(&Error{
					Field: field, Problem: fmt.Sprintf("there is no check or service %q in the configuration", parent),
					Nearest: nearest.Likely(parent, slices.Sorted(maps.Keys(v.names))),
				})
			default:
				parents[name] = append(parents[name], parent)
			}
		}
	}
	for i := range v.Checks {
		unnamed = unnamed || v.Checks[i].Name == ""
	}
	for i := range v.Services {
		unnamed = unnamed || v.Services[i].Name == ""
	}
	for i := range v.Checks {
		each(fmt.Sprintf("checks[%d]", i), v.Checks[i].Name, v.Checks[i].DependsOn)
	}
	for i := range v.Services {
		each(fmt.Sprintf("services[%d]", i), v.Services[i].Name, v.Services[i].DependsOn)
	}
	v.circles(parents)
}

// circles rejects dependencies that lead back to where they begin. Each is named once.
func (v *verdict) circles(parents map[string][]string) {
	done := make(map[string]bool)
	var path []string
	var follow func(name string)
	follow = func(name string) {
		if at := slices.Index(path, name); at >= 0 {
			circle := append(slices.Clone(path[at:]), name)
			v.add(Errorf(v.names[name]+".depends_on", "is a circle: %s; remove one of them", strings.Join(circle, " depends on ")))
			return
		}
		if done[name] {
			return
		}
		path = append(path, name)
		for _, parent := range parents[name] {
			follow(parent)
		}
		path = path[:len(path)-1]
		done[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(parents)) {
		follow(name)
	}
}
