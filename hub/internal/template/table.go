package template

import (
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

// Limits bound a Table. A limit of 0 is the default.
type Limits struct {
	Endpoints int // per service; 1000
	Services  int // 1000
	Siblings  int // literals at one place of a service's paths; 64
}

const (
	maxNodes           = 1 << 18 // of all trees together: some 60 MB
	maxNodesPerService = 1 << 14
)

// Table holds the services and their endpoints. It is safe for concurrent use.
type Table struct {
	limits Limits

	mu       sync.RWMutex // guards the map and every service's endpoints and overflow
	services map[string]*service

	trees sync.Mutex // guards every service's tree, nodes and collapsed
	nodes int        // left for all trees
	noted int        // templates in the services' collapsed
	seed  maphash.Seed
}

type service struct {
	endpoints map[string]struct{}
	overflow  overflow
	tree      tree
	nodes     int // left for its tree
	collapsed map[string]*collapsed
}

// New returns a table without services.
func New(limits Limits) *Table {
	orElse := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orElse(&limits.Endpoints, 1000)
	orElse(&limits.Services, 1000)
	orElse(&limits.Siblings, 64)
	return &Table{limits: limits, services: make(map[string]*service), nodes: maxNodes, seed: maphash.MakeSeed()}
}

// Endpoint is Path for a service whose paths are known: segments at places that
// have seen too many literals become ID as well. It learns from the path.
func (t *Table) Endpoint(serviceName, raw string) string {
	path := bare(raw)
	if isTemplate(path) {
		endpoint, _ := Path(path)
		return endpoint
	}
	var room [maxDepth + 1]string
	segs := segments(path, room[:0])
	s := t.service(serviceName)
	if s == nil {
		endpoint, _ := join(raw, segs)
		return endpoint
	}
	t.trees.Lock()
	defer t.trees.Unlock()
	endpoint, _ := join(raw, s.tree.generalize(segs))
	if isTemplate(endpoint) { // which the path is not
		t.noteCollapsed(s, endpoint, path)
	}
	return endpoint
}

// Seed adds a series of the store, so that the limits hold across restarts. Those over
// the limits are ignored. An empty endpoint stands for the dropped requests of a
// service; those of wire.Other are of services that were not known.
func (t *Table) Seed(serviceName, endpoint string) {
	if endpoint == "" && serviceName == wire.Other {
		return
	}
	s := t.service(serviceName)
	if s == nil || endpoint == "" {
		return
	}
	t.mu.Lock()
	s.admit(endpoint, t.limits.Endpoints)
	t.mu.Unlock()
	if endpoint == wire.Unmatched || endpoint == wire.Other {
		return
	}
	t.trees.Lock()
	s.tree.generalize(strings.Split(endpoint, "/"))
	t.trees.Unlock()
}

// service returns a service, which it adds if there is room, or nil.
func (t *Table) service(name string) *service {
	t.mu.RLock()
	s := t.services[name]
	t.mu.RUnlock()
	if s != nil {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.add(name)
}

// add is service for callers that hold the lock.
func (t *Table) add(name string) *service {
	s := t.services[name]
	if s == nil && name != "" && len(t.services) < t.limits.Services {
		s = &service{endpoints: make(map[string]struct{}), nodes: maxNodesPerService}
		s.tree = tree{limit: t.limits.Siblings, budget: &budget{&s.nodes, &t.nodes}}
		t.services[strings.Clone(name)] = s
	}
	return s
}

// has reports whether the endpoint is one of the service's already.
func (s *service) has(endpoint string) bool {
	_, ok := s.endpoints[endpoint]
	return ok || endpoint == wire.Other || endpoint == wire.Unmatched
}

// admit adds the endpoint if the service has fewer than limit, and reports whether it
// has the endpoint now.
func (s *service) admit(endpoint string, limit int) bool {
	if s.has(endpoint) {
		return true
	}
	if len(s.endpoints) >= limit {
		return false
	}
	s.endpoints[strings.Clone(endpoint)] = struct{}{}
	return true
}

// Known reports whether the service is one of the table's.
func (t *Table) Known(service string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.services[service] != nil
}

// Services returns the names of all services, in order.
func (t *Table) Services() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(t.services))
}
