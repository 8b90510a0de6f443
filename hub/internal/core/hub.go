package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/outage"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

// Hub keeps requests and answers questions about them. It is an http.Handler
// and a kymo.Sink, and safe for concurrent use.
type Hub struct {
	Options
	store   store.Store
	api     *api.API
	handler http.Handler // the API, guarded
	intake  *intake.Intake
	checks  *checks
	drain   drain
	clock   *clock.Clock
	doubt   atomic.Pointer[string] // in which the clock is
	appends outage.Log
	prunes  outage.Log
	pruning *loop.Loop
	watch   *loop.Loop // of the clock
	trouble trouble    // with the configuration
	reading *loop.Loop // of the checks that other hubs added; nil if there can be none

	toldOfSize time.Time // when the log told last that the maximum size deletes requests

	applying sync.Mutex                    // one Apply at a time
	config   atomic.Pointer[config.Config] // in force
}

// Options are what a hub needs in addition to its configuration.
type Options struct {
	Makers  config.Makers        // of the probes that the configuration names
	Version string               // of the build, for the documentation; "" is "dev"
	Now     func() time.Time     // nil is time.Now
	Elapsed func() time.Duration // the monotonic clock; nil is the system's, or that of Now
	Logger  *slog.Logger         // nil is slog.Default()
	Limits  webserver.Limits     // of what clients may keep the hub waiting for

	// Directory is the store's, where the hub keeps which sessions were ended; "" if the
	// store has none.
	Directory string

	// ParseCheck reads a check that was sent as JSON; its error is config.Errors, of fields
	// of the check. If it is nil, none can be added over the API.
	ParseCheck func(content []byte) (*config.Check, error)

	// rereads drives the reading of checks that other hubs added in tests; nil is every
	// half a minute.
	rereads <-chan time.Time
	// ticks drives the retention loop in tests; nil is once a minute.
	ticks <-chan time.Time
	// beats drives the writing of the history in tests; nil is once a second.
	beats <-chan time.Time
}

var _ kymo.Sink = (*Hub)(nil)

// New returns a hub with a validated configuration, over a store that Close closes. If
// New returns an error, the store stays open.
func New(st store.Store, c *config.Config, o Options) (*Hub, error) {
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Now == nil {
		o.Now = time.Now
		if o.Elapsed == nil {
			o.Elapsed = clock.Elapsed
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	h := &Hub{Options: o, store: st}
	h.config.Store(c)
	h.doubt.Store(new(string))
	var err error
	if h.clock, err = newClock(st, &o, c.Retention.Age); err != nil {
		return nil, fmt.Errorf("read what time it was: %w", err)
	}
	h.intake = intake.New(st, intake.Limits{Endpoints: c.MaxEndpoints, Services: c.MaxServices}, c.Retention.Age, h.clock)
	h.intake.SetTemplates(c.Templates)
	h.appends = outage.Log{Logger: o.Logger, Now: o.Now, Count: "refused_batches",
		Begin: "the store refuses batches; senders keep them", End: "the store takes batches again"}
	h.prunes = outage.Log{Logger: o.Logger, Now: o.Now, Count: "attempts",
		Begin: "cannot delete old requests; will retry", End: "old requests are deleted again"}
	h.intake.OnAppend(h.appended)
	h.intake.OnRefused(func(r intake.Refusal) {
		o.Logger.Warn("refused what a sender sent", "service", r.Service, "field", r.Field, "problem", r.Problem, "bodies", r.Bodies)
	})
	if err := h.seed(); err != nil {
		return nil, fmt.Errorf("read which endpoints the store has: %w", err)
	}
	more, err := h.readAdded(context.Background(), nil)
	if err != nil {
		return nil, fmt.Errorf("read which checks were added: %w", err)
	}
	if h.checks, err = startChecks(st, c, more, &h.Options, h.resultsAppended); err != nil {
		return nil, fmt.Errorf("start the checks: %w", err)
	}
	h.trouble.checks = h.checks
	h.trouble.review()
	h.intake.OnHeartbeat(h.checks.fleet.Observe)
	sessions := o.sessionsFile()
	h.api = api.New(api.Config{
		Settings: apiSettings(c), Store: store.Cleaned(st), Intake: h.intake, Now: o.Now, Logger: o.Logger, Version: o.Version,
		SavedEnded: sessions.read(), SaveEnded: sessions.save, Health: h.Health, Maintenance: h.checks.history.windows.between, HealthRows: h.checks.history.rows, Lost: lostOf(st), Keeper: h, Checks: h,
		Snapshot: snapshotOf(st, sessions),
	})
	h.handler = webserver.Guard(http.HandlerFunc(h.serve), o.Limits)
	h.keepSize(c.Retention.Size)
	h.watchClock(context.Background())
	h.watch = loop.Start(observeEvery, nil, h.watchClock)
	h.pruning = loop.Start(pruneEvery, h.ticks, h.prune)
	if _, remote := st.(store.Remote); remote && h.documents() != nil {
		h.reading = loop.Start(rereadEvery, h.rereads, loop.ReportOnce(h.reread, func(err error) {
			o.Logger.Warn("cannot read which checks other hubs added; will retry", "error", err)
		}))
	}
	return h, nil
}

// lostOf returns how to ask the store what it lost, or nil if it cannot tell.
func lostOf(st store.Store) func(rollup.Window) store.Loss {
	if l, ok := st.(store.Loser); ok {
		return l.Lost
	}
	return nil
}

// seed tells the intake the endpoints of the store, so that a restart neither lifts the
// cap nor gives the places of endpoints in use to others.
func (h *Hub) seed() error {
	now := h.Now()
	for _, age := range []time.Duration{min(24*time.Hour, h.config.Load().Retention.Age), h.config.Load().Retention.Age} {
		window := rollup.Window{From: now.Add(-age).UnixMilli(), To: now.UnixMilli() + 1}
		for r, err := range store.Cleaned(h.store).Rollups(context.Background(), store.RollupQuery{Window: window}) {
			if err != nil {
				return err
			}
			h.intake.Seed(r.Service, r.Endpoint, age <= 24*time.Hour)
		}
	}
	return nil
}

// appended notes the outcome of an attempt to append batches, of requests or of results of
// checks.
func (h *Hub) appended(ctx context.Context, batches int, err error) {
	switch {
	case err == nil:
		h.appends.Worked()
	case ctx.Err() == nil && !errors.Is(err, store.ErrClosed):
		h.appends.Failed(batches, err)
	}
}

// resultsAppended is appended for results of checks, which do not come through the intake.
func (h *Hub) resultsAppended(ctx context.Context, batches int, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
		h.intake.Counters.StoreFails.Add(1)
	}
	h.appended(ctx, batches, err)
}

// ServeHTTP serves the API's requests; after Close it answers 503. In a service that
// records its requests with a Monitor, requests to the hub are not recorded.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !kymo.IgnoreContext(r.Context()) {
		kymo.Ignore(w)
	}
	h.handler.ServeHTTP(w, r)
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request) {
	if !h.drain.enter() {
		h.api.Unavailable(w, "the hub is shutting down; try again")
		return
	}
	defer h.drain.leave()
	h.api.ServeHTTP(w, r)
}

// Ship stores a batch, as kymo.Sink requires.
func (h *Hub) Ship(ctx context.Context, batch []byte) error {
	if !h.drain.enter() {
		return fmt.Errorf("the hub is closed: %w", store.ErrClosed)
	}
	defer h.drain.leave()
	_, err := h.intake.Batch(ctx, batch)
	if err != nil && intake.Malformed(err) {
		return fmt.Errorf("%w: %w", kymo.ErrRejected, err)
	}
	return err
}

// Health returns the state of the checks and the services. It runs none of them.
func (h *Hub) Health() health.Report {
	r := h.checks.registry.Report()
	h.checks.inMaintenance(&r)
	return r
}

// Drain makes the readiness probe fail from now on, so that load balancers send no more
// requests, while those that come are served.
func (h *Hub) Drain() { h.checks.registry.Drain() }

// Close lets no more requests in, waits for those in flight until ctx is done, ends the
// checks, and closes the store. It closes the hub even if ctx ends first: what was
// acknowledged is durable.
func (h *Hub) Close(ctx context.Context) error {
	if !h.drain.close() {
		return nil
	}
	var err error
	if waitErr := h.drain.wait(ctx); waitErr != nil {
		err = fmt.Errorf("wait for requests in flight: %w", waitErr)
	}
	h.pruning.Stop()
	h.watch.Stop()
	h.reading.Stop()
	err = errors.Join(err, h.checks.close(ctx))
	if closeErr := h.store.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close the store: %w", closeErr))
	}
	return err
}
