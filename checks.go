package kymo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// Check has the monitor look at something that the service stands on, in the
// background, from now on:
//
//	m.Check("database", health.SQL(db), health.Every(10*time.Second), health.Critical())
//
// HealthHandler answers how it stands, and the hub is told. Check never fails:
// what is wrong with the name, the probe or the options is logged and shown in
// Stats.Problems, and then nothing is checked.
func (m *Monitor) Check(name string, p health.Probe, opts ...health.Option) {
	full := wire.HealthResult{Service: m.service, Check: name}
	if n := len(full.Name()); n > wire.MaxCheck {
		m.stats.problem(fmt.Sprintf("Check: the name %.40q… takes %d bytes with the service's; at most %d", full.Name(), n, wire.MaxCheck))
		return
	}
	if err := m.checks.Register(name, p, opts...); err != nil {
		m.stats.problem("Check: " + err.Error())
	}
}

// Health returns how the checks stand, from memory.
func (m *Monitor) Health() health.Report { return m.checks.Report() }

// HealthHandler answers how the checks stand, from memory, as JSON. Under a path
// that ends in /live, /ready or /started it is one of Kubernetes' probes:
//
//	mux.Handle("GET /health", m.HealthHandler())
//	mux.Handle("GET /health/", m.HealthHandler())
//
// What it answers is not recorded as the service's traffic: Stats.Probes counts it.
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

// closeChecks ends the checks. One that is stuck must not eat the time in which
// requests are shipped.
func (m *Monitor) closeChecks(ctx context.Context) {
	limit := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)/4)
	}
	// Even if there is no time at all, checks that heed their context end at once.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(limit, 100*time.Millisecond))
	defer cancel()
	if err := m.checks.Close(ctx); err != nil {
		m.stats.problem("Close: " + err.Error())
	}
}
