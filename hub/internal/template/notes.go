package template

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// What a table keeps to explain why an endpoint is not there. It is of the time since
// the process started, and bounded for all services together.
const (
	maxOthers    = 20  // names of each service that got no place
	maxCollapsed = 512 // templates whose paths are noted
	maxExamples  = 5   // paths of each
	maxDistinct  = 256 // paths of each that are told apart
)

// Cardinality is the number of a service's endpoints, and what was merged to keep it low.
type Cardinality struct {
	Service    string
	Endpoints  int      // that have a place
	Overflowed uint64   // requests put under wire.Other
	Others     []string // endpoints that got no place, the first of them
	Collapsed  []Collapsed
}

// Collapsed is a template that was made of raw paths.
type Collapsed struct {
	Template string
	Paths    int      // how many there are, counted up to maxDistinct
	Examples []string // the first of them
}

// overflow is the endpoints of a service that got no place.
type overflow struct {
	requests uint64
	names    []string
}

// note keeps the name of an endpoint over the limit.
func (o *overflow) note(endpoint string) {
	if len(o.names) < maxOthers && !slices.Contains(o.names, endpoint) {
		o.names = append(o.names, strings.Clone(endpoint))
	}
}

// collapsed is the raw paths of a template.
type collapsed struct {
	examples []string
	distinct map[uint64]struct{} // by hash
}

// noteCollapsed keeps that a path became an endpoint. The caller holds the lock of the
// trees.
func (t *Table) noteCollapsed(s *service, endpoint, path string) {
	c := s.collapsed[endpoint]
	if c == nil {
		if t.noted >= maxCollapsed {
			return
		}
		t.noted++
		if s.collapsed == nil {
			s.collapsed = make(map[string]*collapsed)
		}
		c = &collapsed{distinct: make(map[uint64]struct{})}
		s.collapsed[strings.Clone(endpoint)] = c
	}
	if len(c.distinct) >= maxDistinct {
		return
	}
	hash := maphash.String(t.seed, path)
	if _, ok := c.distinct[hash]; ok {
		return
	}
	c.distinct[hash] = struct{}{}
	if len(c.examples) < maxExamples {
		c.examples = append(c.examples, strings.Clone(wire.Clean(path, wire.MaxEndpoint)))
	}
}

// Cardinality returns the endpoints of each service, by name, and the limits.
func (t *Table) Cardinality() ([]Cardinality, Limits) {
	t.mu.RLock()
	names := slices.Sorted(maps.Keys(t.services))
	all := make([]Cardinality, len(names))
	known := make([]*service, len(names))
	for i, name := range names {
		s := t.services[name]
		known[i] = s
		all[i] = Cardinality{
			Service: name, Endpoints: len(s.endpoints), Overflowed: s.overflow.requests, Others: slices.Clone(s.overflow.names),
		}
	}
	t.mu.RUnlock()

	t.trees.Lock()
	defer t.trees.Unlock()
	for i, s := range known {
		for endpoint, c := range s.collapsed {
			all[i].Collapsed = append(all[i].Collapsed, Collapsed{endpoint, len(c.distinct), slices.Clone(c.examples)})
		}
		slices.SortFunc(all[i].Collapsed, func(a, b Collapsed) int {
			return cmp.Or(cmp.Compare(b.Paths, a.Paths), cmp.Compare(a.Template, b.Template))
		})
	}
	return all, t.limits
}
