package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/template"
)

// Hub keeps requests and answers questions about them. It is an http.Handler
// and a kymo.Sink, and safe for concurrent use.
type Hub struct {
	config Config
	store  store.Store
	api    *api.API
	intake *intake.Intake
	watch  *watch
	door   door
	tidy   loop
	owned  bool // the store is closed with the hub
}

var _ kymo.Sink = (*Hub)(nil)

// New returns a hub over a store, which Close leaves open. An error names the
// field of the configuration that is wrong, or is the store's.
func New(st store.Store, config Config) (*Hub, error) {
	err := config.settle()
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	h := &Hub{config: config, store: st}
	templates := template.New(template.Limits{Endpoints: config.MaxEndpoints, Services: config.MaxServices})
	if err := h.seed(templates); err != nil {
		return nil, fmt.Errorf("reading which endpoints the store has: %w", err)
	}
	h.intake = intake.New(st, templates, config.Retention.Age, config.Now)
	if h.watch, err = newWatch(st, &h.config, &h.intake.Counters); err != nil {
		return nil, fmt.Errorf("starting the checks: %w", err)
	}
	h.intake.Presence = h.watch.fleet.Observe
	h.api = api.New(api.Config{
		Store: st, Intake: h.intake, Slow: config.Slow.rule(), Now: config.Now, Logger: config.Logger,
		Version: config.Version, Tokens: api.Tokens(config.Tokens),
		Health: h.Health, HealthRows: h.watch.history.rows,
	})
	h.tidy.start(h)
	return h, nil
}

// rule is the configuration in the report's words.
func (s Slow) rule() *report.Slow {
	rule := &report.Slow{Target: s.Target, MinSamples: uint64(s.MinSamples)}
	for _, r := range s.Routes {
		rule.Routes = append(rule.Routes, report.RouteTarget(r))
	}
	return rule
}

// seed makes the store's endpoints known, so that a restart neither lifts the
// cap nor gives the places of endpoints in use to others.
func (h *Hub) seed(templates *template.Table) error {
	now := h.config.Now()
	window := rollup.Window{From: now.Add(-h.config.Retention.Age).UnixMilli(), To: now.UnixMilli() + 1}
	for r, err := range h.store.Rollups(context.Background(), store.RollupQuery{Window: window}) {
		if err != nil {
			return err
		}
		templates.Seed(r.Service, r.Endpoint)
	}
	return nil
}

// ServeHTTP answers the API's requests; after Close with 503. In a service that
// records its requests with a Monitor, those for the hub are left out.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !kymo.IgnoreContext(r.Context()) {
		kymo.Ignore(w)
	}
	if !h.door.enter() {
		h.api.Unavailable(w, "the hub is shutting down; try again")
		return
	}
	defer h.door.leave()
	h.api.ServeHTTP(w, r)
}

// Ship keeps a batch, as kymo.Sink says.
func (h *Hub) Ship(ctx context.Context, batch []byte) error {
	if !h.door.enter() {
		return fmt.Errorf("the hub is closed: %w", store.ErrClosed)
	}
	defer h.door.leave()
	_, err := h.intake.Batch(ctx, batch)
	if err != nil && intake.Malformed(err) {
		return fmt.Errorf("%w: %w", kymo.ErrRejected, err)
	}
	return err
}

// Health says how the checks and the services stand. It asks none of them.
func (h *Hub) Health() health.Report { return h.watch.registry.Report() }

// Close lets no more requests in, waits for those that are being answered until
// ctx is done, ends the checks, and closes the store if Open opened it. A hub whose ctx was done
// before is closed nevertheless: what was acknowledged is durable.
func (h *Hub) Close(ctx context.Context) error {
	var err error
	if !h.door.close() {
		return nil
	}
	if waitErr := h.door.wait(ctx); waitErr != nil {
		err = fmt.Errorf("waiting for requests in flight: %w", waitErr)
	}
	h.tidy.stop()
	err = errors.Join(err, h.watch.close(ctx))
	if h.owned {
		if closeErr := h.store.Close(); closeErr != nil {
			err = errors.Join(err, fmt.Errorf("closing the store: %w", closeErr))
		}
	}
	return err
}
