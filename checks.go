package kymo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// Check runs a health check in the background from now on. The probe tests something
// that the service depends on:
//
//	m.Check("database", health.SQL(db), health.Every(10*time.Second), health.Critical())
//
// HealthHandler and the hub show the check's status under its name, which with the
// service's name has at most 100 bytes. Check never fails: an invalid name, probe or
// option is logged and listed in Stats.Problems, and the check does not run.
func (m *Monitor) Check(name string, p health.Probe, opts ...health.Option) {
	full := wire.HealthResult{Service: m.service, Check: name}
	if n := len(full.Name()); n > wire.MaxCheck {
		m.stats.problem(fmt.Sprintf("Check: the name %.40q… has %d bytes together with the service's; at most %d are allowed", full.Name(), n, wire.MaxCheck))
		return
	}
	if err := m.checks.Register(name, p, opts...); err != nil {
		m.stats.problem("Check: " + err.Error())
	}
}

// Health returns the status of all checks, from memory: it runs none.
func (m *Monitor) Health() health.Report { return m.checks.Report() }

// Drain makes the readiness probe of HealthHandler fail from now on, while requests are
// still served and recorded. Call it when the service is asked to stop, some seconds before
// the server's Shutdown, so that load balancers send it no more requests. Close does it too.
func (m *Monitor) Drain() { m.checks.Drain() }

// HealthHandler returns a handler that answers with the status of all checks, as JSON
// and from memory. For a path that ends in /live, /ready or /started it answers one of
// Kubernetes' probes:
//
//	mux.Handle("GET /health", m.HealthHandler())
//	mux.Handle("GET /health/", m.HealthHandler())
//
// Requests that it answers are not recorded; Stats.Probes counts them.
func (m *Monitor) HealthHandler() http.Handler {
	h := &health.Handler{Report: m.checks.Report, Info: health.Info{ServiceID: m.service}, Details: m.details}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		x := inContext(r.Context())
		if x == nil {
			x = inWriter(rw)
		}
		for ; x != nil; x = x.outer() {
			if x.m == m {
				x.state.Or(flagProbe)
			}
		}
		h.ServeHTTP(rw, r)
	})
}

// closeChecks ends the checks. A check that is stuck must not use up the time for
// shipping requests.
func (m *Monitor) closeChecks(ctx context.Context) {
	limit := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/4)
	}
	// Even without any time left, checks that observe their context end at once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(limit, 100*time.Millisecond))
	defer cancel()
	if err := m.checks.Close(ctx); err != nil {
		m.stats.problem("Close: " + err.Error())
	}
}
