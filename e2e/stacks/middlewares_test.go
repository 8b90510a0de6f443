package stacks

import (
	"io"
	"log"
	"net/http"
	"regexp"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/felixge/httpsnoop"
	sentryhttp "github.com/getsentry/sentry-go/http"
	"github.com/gorilla/handlers"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/cors"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
)

func TestMiddlewares(t *testing.T) {
	session := []*regexp.Regexp{regexp.MustCompile(`^Set-Cookie: session=.*`)}
	for _, w := range []software{
		{name: "scs", copies: true, stack: stack{random: session}, wrap: func(e *env, next http.Handler) http.Handler {
			sessions := scs.New()
			return sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sessions.Put(r.Context(), "user", r.Header.Get(userHeader))
				next.ServeHTTP(w, r)
			}))
		}},
		{name: "otelhttp", copies: true, wrap: func(_ *env, next http.Handler) http.Handler {
			return otelhttp.NewHandler(next, "service")
		}},
		{name: "sentryhttp", copies: true, wrap: func(_ *env, next http.Handler) http.Handler {
			return sentryhttp.New(sentryhttp.Options{Repanic: true}).Handle(next)
		}},
		{name: "promhttp", wrap: func(_ *env, next http.Handler) http.Handler {
			size := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "size"}, []string{"code", "method"})
			n := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "n"}, []string{"code", "method"})
			return promhttp.InstrumentHandlerCounter(n, promhttp.InstrumentHandlerResponseSize(size, next))
		}},
		{name: "httpsnoop", wrap: func(e *env, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				m := httpsnoop.CaptureMetrics(next, w, r)
				e.seeWrittenf(r, "captured %d, %d bytes", m.Code, m.Written)
			})
		}},
		{name: "gorilla's LoggingHandler", wrap: func(_ *env, next http.Handler) http.Handler {
			return handlers.CombinedLoggingHandler(io.Discard, next)
		}},
		{name: "gorilla's RecoveryHandler", stack: stack{expect: recovered}, wrap: func(_ *env, next http.Handler) http.Handler {
			return handlers.RecoveryHandler(handlers.RecoveryLogger(log.New(io.Discard, "", 0)))(next)
		}},
		{name: "cors", wrap: func(_ *env, next http.Handler) http.Handler { return cors.AllowAll().Handler(next) }},
		{name: "MaxBytesHandler", copies: true, wrap: func(_ *env, next http.Handler) http.Handler {
			return http.MaxBytesHandler(next, 1<<20)
		}},
	} {
		run(t, w.places()...)
	}
}
