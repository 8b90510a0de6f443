package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/outage"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/web"
)

// Config configures an API. The fields after Logger are optional.
type Config struct {
	Settings // until Apply

	Store  store.Store
	Intake *intake.Intake
	Keeper Keeper
	Checks Checks // nil if there are none
	Now    func() time.Time
	Logger *slog.Logger

	Version string // of this build
	// Memory limits the bytes that all bodies being read take together; 0 is
	// 256 MiB.
	Memory int64

	// SaveEnded saves which sessions were ended, in at most 1 MiB, and SavedEnded is what
	// it saved last before a restart. If SaveEnded is nil, they are in memory alone.
	SaveEnded  func(content string) error
	SavedEnded string

	// Dashboard is the page at /; nil is the one built into the program.
	Dashboard *web.Dashboard

	// Health reports the status of the hub's checks and of the services, from memory.
	Health func() health.Report
	// Maintenance returns when the maintenance windows of the configuration are in force, as
	// far as that has a part in [from, to).
	Maintenance func(from, to time.Time) []maintenance.Span
	// HealthRows returns how many results of the hub's own checks are in the history,
	// and how many were dropped because the store failed.
	HealthRows func() (kept, dropped uint64)
	// Lost reports what the store had of a window and can no longer read.
	Lost func(rollup.Window) store.Loss
	// Snapshot returns a copy of all that the hub keeps, as store.Snapshotter does; nil if
	// the store cannot be copied while it is in use.
	Snapshot func(context.Context) (store.Snapshot, error)
}

// API answers the hub's HTTP requests.
type API struct {
	Config
	mux       *http.ServeMux
	huma      huma.API
	memory    memoryBudget
	cache     cache
	exports   *exportSlots
	snapshots *exportSlots

	compressor compressor // over the mux

	live     atomic.Pointer[live]
	attempts attempts
	reads    outage.Log
	ended    endedSessions
	origin   http.CrossOriginProtection
}

// New returns an API with all its routes.
func New(config Config) *API {
	if config.Memory == 0 {
		config.Memory = 256 << 20
	}
	a := &API{Config: config, exports: newExportSlots(maxExports), snapshots: newExportSlots(maxSnapshots), mux: http.NewServeMux()}
	a.reads = outage.Log{Logger: a.Logger, Now: a.Now, Count: "failed_reads", Begin: "the store cannot be read", End: "the store is read again"}
	a.Store = watched{config.Store, &a.reads}
	a.Apply(config.Settings)
	a.Settings = Settings{} // The current ones are those of liveOf.
	a.memory.free.Store(config.Memory)
	a.ended.save = config.SaveEnded
	a.ended.load(config.SavedEnded, config.Now())
	a.huma = humago.New(a.mux, a.describe())
	a.huma.UseMiddleware(a.authenticate, a.checkQuery, a.checkService)
	a.routeIngest()
	a.routeHeartbeat()
	a.routeReports()
	a.routeCharts()
	a.routeRequests()
	a.routeExport()
	a.routeUsers()
	a.routeCardinality()
	a.routeServices()
	a.routeRetention()
	a.routeSnapshot()
	a.routeSession()
	a.routeHealth()
	a.routeChecks()
	a.routeHistory()
	a.routeMetrics()
	a.routePages()
	a.compressor = newCompressor(a.mux)
	return a
}

// ServeHTTP answers a request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	current := a.live.Load()
	if !current.hosts.Answer(r.Host) {
		refuseHost(w, r)
		return
	}
	// A page of another origin must not make a visitor's browser write to this
	// hub.
	if err := a.origin.Check(r); err != nil {
		writeProblem(w, http.StatusForbidden, "a page of another origin may not send requests here")
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), liveKey{}, current))
	if strings.HasPrefix(r.URL.Path, healthPath) {
		u := *r.URL
		u.Path = strings.TrimSuffix(u.Path, "/")
		r.URL = &u
	}
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.compressor.serve(w, r, pattern)
		return
	}
	// The mux tells an unknown path from a method that is not allowed.
	answer := statusOnly{header: w.Header()}
	handler.ServeHTTP(&answer, r)
	switch answer.status {
	case http.StatusMethodNotAllowed:
		writeProblem(w, answer.status, r.Method+" is not allowed here; allowed: "+w.Header().Get("Allow"))
	default:
		writeProblem(w, http.StatusNotFound, "there is no such path; /docs lists all routes")
	}
}

// statusOnly records an answer's status and header and discards its body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(status int)      { s.status = status }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

// handle registers a route with a net/http handler. It is documented, authenticated
// and checked like all others.
func (a *API) handle(op huma.Operation, h http.HandlerFunc) {
	a.complete(&op)
	a.huma.OpenAPI().AddOperation(&op)
	route := op
	if route.Path == "/" {
		route.Path = "/{$}" // To the mux, a bare slash matches every path.
	}
	a.huma.Adapter().Handle(&route, a.huma.Middlewares().Handler(func(ctx huma.Context) {
		r, w := humago.Unwrap(ctx)
		h(w, r)
	}))
}
