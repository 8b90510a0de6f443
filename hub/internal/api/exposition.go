package api

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// exposition is the content type of Prometheus' text format.
const exposition = "text/plain; version=0.0.4; charset=utf-8"

func (a *API) routeMetrics() {
	a.handle(huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{tagHub},
		Summary:     "The hub's own counters for Prometheus",
		Description: "What came in, what was refused and what could not be kept since the hub started, in Prometheus' text format.",
		Responses:   text(exposition, "The counters."),
		Security:    needs(forRead),
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", exposition)
		_, _ = w.Write(a.exposition()) // The next scrape says the same.
	})
}

func (a *API) exposition() []byte {
	c := &a.Intake.Counters
	var b []byte
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"kymo_ingest_requests_total", "Requests kept.", c.Requests.Load()},
		{"kymo_ingest_batches_total", "Batches kept.", c.Batches.Load()},
		{"kymo_ingest_duplicate_batches_total", "Batches passed over because they were kept before.", c.Duplicates.Load()},
		{"kymo_ingest_refused_total", "Bodies that were not accepted: malformed, too large, of an unknown type, or too many at once.", c.Refused.Load()},
		{"kymo_ingest_bytes_total", "Bytes of bodies as they were sent.", c.Bytes.Load()},
		{"kymo_ingest_late_requests_total", "Requests dropped because they were older than what is kept, or in the future.", c.Late.Load()},
		{"kymo_ingest_overflowed_requests_total", "Requests kept under (other) because of the cap on endpoints.", c.Overflowed.Load()},
		{"kymo_ingest_dropped_requests_total", "Requests that services could not deliver, as they reported.", c.Dropped.Load()},
		{"kymo_store_errors_total", "Operations of the store that failed.", c.StoreFails.Load()},
	} {
		b = append(b, "# HELP "+m.name+" "+m.help+"\n# TYPE "+m.name+" counter\n"+m.name+" "...)
		b = append(strconv.AppendUint(b, m.value, 10), '\n')
	}
	b = append(b, "# HELP kymo_build_info The running build; always 1.\n# TYPE kymo_build_info gauge\n"...)
	return append(b, `kymo_build_info{version="`+label(a.Version)+`",goversion="`+label(runtime.Version())+`"} 1`+"\n"...)
}

// label escapes a label's value.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
