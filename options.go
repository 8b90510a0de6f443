package kymo

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/kymohq/kymo/internal/wire"
)

// DefaultHub is the hub's address if neither WithHub, WithSink nor the environment
// variable KYMO_HUB is given.
const DefaultHub = "http://127.0.0.1:5966"

// Bounds of the queue of encoded batches, in bytes.
const (
	defaultQueue = 3 << 19
	minQueue     = 64 << 10
)

// An Option changes a default of New. An invalid option is logged once and listed
// in Stats.Problems; the others still apply.
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

func (o *options) problemf(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// WithHub sets the hub's address, as in "http://localhost:5966". The default is the
// environment variable KYMO_HUB, or DefaultHub.
func WithHub(url string) Option {
	return func(o *options) { o.hub = url }
}

// WithSink ships to sink instead of over HTTP. An embedded hub is such a sink.
func WithSink(sink Sink) Option {
	return func(o *options) {
		if sink == nil {
			o.problemf("WithSink: the sink is nil; shipping over HTTP instead")
			return
		}
		o.sink = sink
	}
}

// WithToken sets the token with which the hub accepts batches. The default is the
// environment variable KYMO_TOKEN.
func WithToken(token string) Option {
	return func(o *options) { o.token = token }
}

// WithRoutes sets the mux that routes the requests, such as an *http.ServeMux. It is
// needed where a middleware hides the mux from Monitor.Middleware, which explains
// when.
func WithRoutes(mux interface {
	Handler(*http.Request) (h http.Handler, pattern string)
}) Option {
	return func(o *options) {
		if mux == nil {
			o.problemf("WithRoutes: the mux is nil")
			return
		}
		o.routes = mux
	}
}

// WithServerTiming adds the header "Server-Timing: total;dur=12.3" to each response:
// milliseconds until the header was written, which browsers show in their network
// panel.
func WithServerTiming() Option {
	return func(o *options) { o.timing = true }
}

// WithLogger sets the logger for the monitor's own problems. The default is
// slog.Default(). The monitor logs when something changes, never for each request.
func WithLogger(logger *slog.Logger) Option {
	return func(o *options) {
		if logger == nil {
			o.problemf("WithLogger: the logger is nil; using slog.Default()")
			return
		}
		o.logger = logger
	}
}

// WithQueue sets how many bytes of encoded batches may wait for a hub that is slow
// or unreachable: at least 64 KiB, and 1.5 MiB by default. A request takes 10 to 20
// bytes.
func WithQueue(bytes int) Option {
	return func(o *options) {
		if bytes < minQueue {
			o.problemf("WithQueue: %d bytes are too few; using %d", bytes, minQueue)
			bytes = minQueue
		}
		o.queue = bytes
	}
}

// WithHealthDetails restricts what HealthHandler shows: callers for which allowed
// returns false see statuses, but neither reasons nor details. By default all callers
// see everything.
func WithHealthDetails(allowed func(*http.Request) bool) Option {
	return func(o *options) { o.details = allowed }
}

// newOptions returns the defaults, changed by the environment and then by opts.
func newOptions(opts []Option) options {
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
			o.problemf("an option is nil")
			continue
		}
		opt(&o)
	}
	if o.sink == nil {
		sink, err := newHTTPSink(o.hub, o.token)
		if err != nil {
			o.problemf("%v; nothing will be shipped", err)
			o.sink = unusable{err}
		} else {
			o.sink = sink
		}
	}
	return o
}
