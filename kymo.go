package kymo

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

// Monitor records a service's requests and ships them. Its methods may be called
// from any goroutine.
type Monitor struct {
	base     time.Time // what the clock readings of records count from
	recorder *recorder
	routes   routes
	timing   bool
	filters  []func(*http.Request) bool
	shipper  *shipper
	service  string
	checks   health.Registry
	details  func(*http.Request) bool // who may see more of the health than statuses
	probes   atomic.Uint64
	ignored  atomic.Uint64
	waiting  waiting

	closing sync.Once
	closed  chan struct{}
	left    error // what Close returns, set before closed is
}

// New returns a monitor for the service of that name. It never fails and never
// blocks: what is wrong with the options is logged and shown in Stats.Problems.
// Close it before the process ends.
func New(service string, opts ...Option) *Monitor {
	o := settle(opts)
	name := wire.Clean(service, wire.MaxService)
	switch {
	case name == "":
		name = "unknown"
		o.problem("New: the service has no name; using %q", name)
	case name != service:
		o.problem("New: the service's name is too long or holds control characters; using %q", name)
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
	m.shipper = newShipper(m.recorder, newEncoder(name, newInstance(), m.base), &o)
	m.shipper.report = m.checks.Report
	m.checks.Observer = m.shipper.observe
	m.shipper.start()
	return m
}

// now is the time since base in nanoseconds, one reading of the monotonic clock.
func (m *Monitor) now() int64 { return int64(time.Since(m.base)) }

// Stats is what a monitor knows about itself. Recorded is always the sum of
// Shipped, Dropped and Pending.
type Stats struct {
	Recorded uint64 // requests that went through the middleware
	Shipped  uint64 // of these, durable in the hub
	Dropped  uint64 // of these, lost: buffers or queue were full, the hub rejected them, or it was after Close
	Pending  uint64 // of these, still on their way

	Batches   uint64   // batches that are durable in the hub
	Queued    int      // bytes that encoded batches take which wait
	LastError string   // why the last attempt to ship failed, "" if it succeeded
	Probes    uint64   // requests for the service's health and Kubernetes' probes; they are not recorded
	Ignored   uint64   // requests that a filter or Ignore left out; they are not recorded
	Panics    uint64   // panics of the sink, the logger or the monitor itself that were contained
	Problems  []string // what was wrong with the options and the checks

	HealthDropped uint64 // results of checks that were lost: the queue was full, or the hub rejected them
}

// Stats returns the state of the monitor.
func (m *Monitor) Stats() Stats {
	s := m.shipper.stats()
	// Read last: what came in between is pending.
	recorded, dropped := m.recorder.counts()
	s.Recorded = recorded
	s.Dropped += dropped
	s.Probes = m.probes.Load()
	s.Ignored = m.ignored.Load()
	s.Pending = recorded - s.Dropped - s.Shipped
	return s
}

// closeTime bounds Close when its context has no deadline: a service must be
// able to stop while its hub is away.
const closeTime = 5 * time.Second

// Close ships what was recorded and stops the monitor. It takes until ctx is
// done, or 5 s if ctx has no deadline; if requests are left then, which the hub
// may have all the same, the error says how many. The middleware goes on serving
// and drops what it would have recorded. Further calls wait for the first and return the
// same.
func (m *Monitor) Close(ctx context.Context) error {
	m.closing.Do(func() {
		defer close(m.closed)
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, closeTime)
			defer cancel()
		}
		m.closeChecks(ctx)
		m.waiting.resolve()
		before := m.Stats()
		cause := m.shipper.stop(ctx)
		after := m.Stats()
		if lost := after.Pending + after.Dropped - before.Dropped; lost > 0 {
			m.left = fmt.Errorf("kymo: %d requests could not be shipped", lost)
			if cause != nil {
				m.left = fmt.Errorf("%w: %w", m.left, cause)
			}
		}
	})
	<-m.closed
	return m.left
}
