package intake

import (
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/template"
)

// maxOthers bounds the endpoints over the cap whose names are kept, for each
// service.
const maxOthers = 20

// Cardinality is the number of a service's endpoints, and what was merged to keep it
// low since the process started.
type Cardinality struct {
	Service    string
	Endpoints  int      // that are kept apart
	Overflowed uint64   // requests put under wire.Other
	Others     []string // the first endpoints over the cap
	Collapsed  []template.Collapsed
}

// overflow is the endpoints of a service that are over the cap.
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

// cardinality returns the endpoints of each service, by name.
func (r *registry) cardinality() []Cardinality {
	r.mu.RLock()
	names := slices.Sorted(maps.Keys(r.services))
	all := make([]Cardinality, len(names))
	trees := make([]*template.Tree, len(names))
	for i, name := range names {
		s := r.services[name]
		trees[i] = s.tree
		all[i] = Cardinality{
			Service: name, Endpoints: len(s.endpoints), Overflowed: s.overflow.requests, Others: slices.Clone(s.overflow.names),
		}
	}
	r.mu.RUnlock()
	for i, tree := range trees {
		all[i].Collapsed = tree.Collapsed()
	}
	return all
}
