package kymo

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// Monitor records a service's requests and ships them. Its methods are safe for
// concurrent use.
type Monitor struct {
	base     time.Time // the clock readings in records are relative to it
	recorder *recorder
	routes   routes
	timing   bool
	filters  []func(*http.Request) bool
	stats    *stats
	shipper  *shipper
	service  string
	checks   health.Registry
	details  func(*http.Request) bool // reports whether a caller may see more of the health than statuses
	probes   atomic.Uint64
	ignored  atomic.Uint64
	waiting  waiting
	unrouted sync.Map // types of handlers (reflect.Type) that were logged as having no routes

	closing  sync.Once
	closed   chan struct{}
	closeErr error // what Close returns, set before closed is
}

// New returns a Monitor for the service with the given name, of at most 100 bytes. It
// never fails and never blocks: wrong options are logged and listed in
// Stats.Problems. Call Close before the process ends.
func New(service string, opts ...Option) *Monitor {
	o := newOptions(opts)
	name := wire.Clean(service, wire.MaxService)
	switch {
	case name == "":
		name = "unknown"
		o.problemf("New: the service has no name; using %q", name)
	case name != service:
		o.problemf("New: the service's name is too long or contains control characters; using %q", name)
	}
	m := &Monitor{
		base:     time.Now(),
		recorder: newRecorder(),
		routes:   o.routes,
		timing:   o.timing,
		filters:  o.filters,
		service:  name,
		details:  o.details,
		closed:   make(chan struct{}),
	}
	m.stats = newStats(&o)
	m.shipper = newShipper(m.recorder, newEncoder(name, newInstance(), o.version, m.base), &o, m.stats, m.checks.Report)
	m.shipper.collector.late = func() { m.waiting.resolve(false) }
	m.checks.Observe(m.shipper.observe)
	m.shipper.start()
	return m
}

// now returns the nanoseconds since base, by one reading of the monotonic clock.
func (m *Monitor) now() int64 { return int64(time.Since(m.base)) }
