package kymo

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/kymohq/kymo/internal/wire"
)

// DefaultHub is where batches go without WithHub, WithSink and KYMO_HUB.
const DefaultHub = "http://127.0.0.1:5966"

// Bounds of the queue of encoded batches, in bytes.
const (
	defaultQueue = 3 << 19
	minQueue     = 64 << 10
)

// An Option changes what New does by default. An option that cannot be followed
// is logged once and shown in Stats.Problems; the others still hold.
type Option func(*options)

type options struct {
	hub      string
	sink     Sink
	token    string
	routes   routes
	timing   bool
	filters  []func(*http.Request) bool
	logger   *slog.Logger
	queue    int
	version  string
	details  func(*http.Request) bool
	problems []string
}

func (o *options) problem(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// WithHub sets the hub's address, as in "http://localhost:5966". Without it,
// the environment variable KYMO_HUB, or else DefaultHub, says it.
func WithHub(url string) Option {
	return func(o *options) { o.hub = url }
}

// WithSink ships to sink, an embedded hub for example, instead of over HTTP.
func WithSink(sink Sink) Option {
	return func(o *options) {
		if sink == nil {
			o.problem("WithSink: the sink is nil; shipping over HTTP instead")
			return
		}
		o.sink = sink
	}
}

// WithToken sets the token that the hub asks for before it takes batches.
// Without it, the environment variable KYMO_TOKEN says it.
func WithToken(token string) Option {
	return func(o *options) { o.token = token }
}

// WithRoutes names the mux that does the routing, for when it cannot be seen
// from the middleware: see Monitor.Middleware.
func WithRoutes(mux interface {
	Handler(*http.Request) (h http.Handler, pattern string)
}) Option {
	return func(o *options) {
		if mux == nil {
			o.problem("WithRoutes: the mux is nil")
			return
		}
		o.routes = mux
	}
}

// WithFilter records only requests for which keep returns true; Stats.Ignored
// counts the others, whose responses are not touched. It is asked before the
// handler is, from many goroutines. With several filters, all have to agree.
// Kubernetes' probes and health routes such as "/healthz" are left out without it.
func WithFilter(keep func(*http.Request) bool) Option {
	return func(o *options) {
		if keep == nil {
			o.problem("WithFilter: the filter is nil")
			return
		}
		o.filters = append(o.filters, keep)
	}
}

// WithServerTiming adds "Server-Timing: total;dur=12.3" to each response, which
// browsers show in their network panel: milliseconds until the header was written.
func WithServerTiming() Option {
	return func(o *options) { o.timing = true }
}

// WithLogger sets where the monitor reports its own troubles, slog.Default()
// otherwise. It logs when something changes, never per request.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) {
		if logger == nil {
			o.problem("WithLogger: the logger is nil; using slog.Default()")
			return
		}
		o.logger = logger
	}
}

// WithQueue sets how many bytes of encoded batches wait for a hub that is away
// or slow, 1.5 MiB otherwise. A request takes 10 to 20 bytes there.
func WithQueue(bytes int) Option {
	return func(o *options) {
		if bytes < minQueue {
			o.problem("WithQueue: %d bytes are too few; using %d", bytes, minQueue)
			bytes = minQueue
		}
		o.queue = bytes
	}
}

// WithHealthDetails says which callers of HealthHandler see why a check is not
// healthy, and what it saw; the others see statuses. All do otherwise.
func WithHealthDetails(may func(*http.Request) bool) Option {
	return func(o *options) { o.details = may }
}

// settle applies opts over the environment and the defaults.
func settle(opts []Option) options {
	o := options{
		hub:     os.Getenv("KYMO_HUB"),
		token:   os.Getenv("KYMO_TOKEN"),
		logger:  slog.Default(),
		queue:   defaultQueue,
		version: wire.Clean(buildVersion(debug.ReadBuildInfo()), wire.MaxVersion),
	}
	if o.hub == "" {
		o.hub = DefaultHub
	}
	for _, opt := range opts {
		if opt == nil {
			o.problem("an option is nil")
			continue
		}
		opt(&o)
	}
	if o.sink == nil {
		sink, err := newHTTPSink(o.hub, o.token)
		if err != nil {
			o.problem("%v; nothing can be shipped", err)
			o.sink = unusable{err}
		} else {
			o.sink = sink
		}
	}
	return o
}
