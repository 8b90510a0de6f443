// Package middleware measures what a request costs more when a monitor watches
// it. Every contender wraps the same http.ServeMux with the one route
// GET /users/{id}, whose handler writes a few bytes.
package middleware

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"

	vm "github.com/VictoriaMetrics/metrics"
	"github.com/felixge/httpsnoop"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// watched is a handler under a monitor.
type watched struct {
	handler http.Handler
	stop    func() (kept, lost uint64) // hands over what is still buffered; of requests, where each is kept
}

// contender makes a fresh monitor around a handler.
type contender struct {
	name    string
	records string // what it keeps of a request
	wrap    func(http.Handler) watched
	handler http.HandlerFunc // what the route does, hello unless given
}

func (c *contender) watch() watched {
	mux := http.NewServeMux()
	handler := c.handler
	if handler == nil {
		handler = hello
	}
	mux.HandleFunc("GET /users/{id}", handler)
	return c.wrap(mux)
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello, user\n") }

func stopped() (kept, lost uint64) { return 0, 0 }

// contenders start with the one that the others' costs are over, and Kymo.
var contenders = []contender{
	{name: "bare ServeMux", records: "nothing", wrap: bare},
	{name: "Kymo", records: "each request", wrap: kymoMiddleware},
	{name: "Kymo, SetUser in the handler", records: "each request and its user", wrap: kymoMiddleware, handler: helloUser},
	{name: "httpsnoop.CaptureMetrics", records: "nothing: duration, status, size are at hand", wrap: snoop},
	{name: "VictoriaMetrics histogram by hand", records: "duration", wrap: victoria},
	{name: "promhttp.InstrumentHandlerDuration", records: "duration by method, status", wrap: promDuration},
	{name: "otelhttp metrics", records: "duration, sizes by route, method, status", wrap: otelMetrics},
	{name: "otelhttp traces", records: "each request that its queue has room for", wrap: otelTraces},
}

func bare(next http.Handler) watched { return watched{next, stopped} }

func victoria(next http.Handler) watched {
	durations := vm.NewSet().NewHistogram("http_server_request_duration_seconds")
	return watched{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		next.ServeHTTP(w, r)
		durations.UpdateDuration(start)
	}), stopped}
}

func snoop(next http.Handler) watched {
	return watched{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = httpsnoop.CaptureMetrics(next, w, r)
	}), stopped}
}

func promDuration(next http.Handler) watched {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_server_request_duration_seconds",
	}, []string{"code", "method"})
	return watched{promhttp.InstrumentHandlerDuration(durations, next), stopped}
}

func otelMetrics(next http.Handler) watched {
	provider := metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	return watched{otelhttp.NewHandler(next, "users",
		otelhttp.WithMeterProvider(provider),
		otelhttp.WithTracerProvider(tracenoop.NewTracerProvider())), shutdown(provider)}
}

func otelTraces(next http.Handler) watched {
	provider := trace.NewTracerProvider(trace.WithBatcher(tracetest.NewNoopExporter()))
	return watched{otelhttp.NewHandler(next, "users",
		otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()),
		otelhttp.WithTracerProvider(provider)), shutdown(provider)}
}

// shutdown stops a provider; its exporter has nothing to fail at.
func shutdown(p interface{ Shutdown(context.Context) error }) func() (kept, lost uint64) {
	return func() (kept, lost uint64) {
		_ = p.Shutdown(context.Background())
		return 0, 0
	}
}

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header               { return d.header }
func (d *discard) Write(b []byte) (int, error)       { return len(b), nil }
func (d *discard) WriteString(s string) (int, error) { return len(s), nil }
func (d *discard) WriteHeader(int)                   {}

// serve calls the handler n times, as a server does whose handler it is: each
// request has a context of the server's, and is made anew. Making it costs the bare
// mux as much as the contenders.
func serve(h http.Handler) func(n int) {
	fresh, err := http.NewRequestWithContext(serverContext(h), http.MethodGet, "/users/4711", nil)
	if err != nil {
		panic(err) // the arguments are constants
	}
	fresh.RemoteAddr, fresh.RequestURI = "127.0.0.1:50000", "/users/4711"
	r := new(http.Request)
	w := &discard{header: make(http.Header)}
	return func(n int) {
		for range n {
			clear(w.header)
			*r = *fresh
			h.ServeHTTP(w, r)
		}
	}
}

// serverContext is a context as net/http makes it for a request: a server, an
// address, and a context for the connection and one for the request that end.
func serverContext(h http.Handler) context.Context {
	ctx := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{Handler: h})
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	conn, endConn := context.WithCancelCause(ctx)
	request, endRequest := context.WithCancelCause(conn)
	runtime.KeepAlive(endConn) // neither ends while requests are made
	runtime.KeepAlive(endRequest)
	return request
}
