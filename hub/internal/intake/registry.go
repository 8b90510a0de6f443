package intake

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// Limits bound the services that a hub keeps apart. A limit of 0 is the default.
type Limits struct {
	Endpoints int // per service; 1000
	Services  int // 1000
}

// registry holds the services and their endpoints, within the limits: at most
// Limits.Services times Limits.Endpoints names of wire.MaxEndpoint bytes, and one
// forest. Services are not removed before the process ends. It is safe for concurrent use.
type registry struct {
	limits Limits
	forest *template.Forest
	hour   func() int64                   // since 1970
	rules  atomic.Pointer[template.Rules] // nil if there are none

	mu       sync.RWMutex // guards the map and every service's endpoints and overflow
	services map[string]*service
}

type service struct {
	endpoints map[string]*atomic.Int64 // → the hour in which it was last used
	swept     int64                    // the hour in which places were last given back
	overflow  overflow
	tree      *template.Tree
}

// unused is after how many hours without a request the place of an endpoint is given back, if a
// new one needs it.
const unused = 24

// newRegistry returns a registry without services.
func newRegistry(limits Limits) *registry {
	for _, l := range []*int{&limits.Endpoints, &limits.Services} {
		if *l <= 0 {
			*l = 1000
		}
	}
	return &registry{limits: limits, forest: template.NewForest(), services: make(map[string]*service), hour: func() int64 { return 0 }}
}

// endpoint returns the endpoint of a service that a raw path belongs to.
func (r *registry) endpoint(serviceName, raw string) string {
	if rules := r.rules.Load(); rules != nil {
		if endpoint, ok := rules.Endpoint(serviceName, raw); ok {
			return endpoint
		}
	}
	if !template.IsTemplate(raw) {
		if s := r.service(serviceName); s != nil {
			return s.tree.Endpoint(raw)
		}
	}
	endpoint, _ := template.Path(raw)
	return endpoint
}

// seed adds a series of the store, so that the limits hold across restarts. Series
// over the limits are ignored, and so are those of OtherServices. An empty endpoint
// stands for the dropped requests of a service. The place of one that is not recent is given
// back as soon as it is needed.
func (r *registry) seed(serviceName, endpoint string, recent bool) {
	if endpoint == "" && serviceName == OtherServices {
		return
	}
	s := r.service(serviceName)
	if s == nil || endpoint == "" {
		return
	}
	r.mu.Lock()
	hour := r.hour()
	if !recent {
		hour -= unused + 1
	}
	if s.endpoints[endpoint] == nil {
		s.admit(endpoint, r.limits.Endpoints, hour)
	}
	r.mu.Unlock()
	s.tree.Learn(endpoint)
}

// service returns a service, which it adds if there is room, or nil.
func (r *registry) service(name string) *service {
	r.mu.RLock()
	s := r.services[name]
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.add(name)
}

// add is service for callers that hold the lock.
func (r *registry) add(name string) *service {
	s := r.services[name]
	if s == nil && name != "" && len(r.services) < r.limits.Services {
		s = &service{endpoints: make(map[string]*atomic.Int64), tree: r.forest.Plant()}
		r.services[strings.Clone(name)] = s
	}
	return s
}

// use reports whether the endpoint is one of the service's already, and notes that it is used.
func (s *service) use(endpoint string, hour int64) bool {
	used, ok := s.endpoints[endpoint]
	if ok && used.Load() != hour {
		used.Store(hour)
	}
	return ok || endpoint == wire.Other || endpoint == wire.Unmatched
}

// admit adds the endpoint if the service has fewer than limit, and reports whether it
// has the endpoint now.
func (s *service) admit(endpoint string, limit int, hour int64) bool {
	if s.use(endpoint, hour) {
		return true
	}
	if len(s.endpoints) >= limit && s.swept != hour {
		s.swept = hour
		maps.DeleteFunc(s.endpoints, func(_ string, used *atomic.Int64) bool { return hour-used.Load() > unused })
	}
	if len(s.endpoints) >= limit {
		return false
	}
	used := new(atomic.Int64)
	used.Store(hour)
	s.endpoints[strings.Clone(endpoint)] = used
	return true
}

// known reports whether the service is one of the registry's.
func (r *registry) known(service string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.services[service] != nil
}

// names returns the names of all services, in order.
func (r *registry) names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.services))
}
