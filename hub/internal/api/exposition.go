package api

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// exposition is the content type of Prometheus' text format.
const exposition = "text/plain; version=0.0.4; charset=utf-8"

func (a *API) routeMetrics() {
	a.handle(huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{tagHub},
		Summary:     "Checks and counters for Prometheus",
		Description: "The status of the checks, and what was kept, refused and lost since the hub started, in Prometheus' text format.",
		Responses:   text(exposition, "The counters."),
		Security:    needs(forRead),
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", exposition)
		_, _ = w.Write(a.exposition()) // The next scrape reports the same counters.
	})
}

func (a *API) exposition() []byte {
	c := &a.Intake.Counters
	var b []byte
	var kept, dropped uint64
	if a.HealthRows != nil {
		kept, dropped = a.HealthRows()
	}
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"kymo_ingest_requests_total", "Requests kept.", c.Requests.Load()},
		{"kymo_ingest_batches_total", "Batches kept.", c.Batches.Load()},
		{"kymo_ingest_duplicate_batches_total", "Batches skipped because they were kept before.", c.Duplicates.Load()},
		{"kymo_ingest_refused_total", "Bodies that were not accepted: malformed, too large, of an unknown type, or too many at once.", c.Refused.Load()},
		{"kymo_ingest_bytes_total", "Bytes of bodies as they were sent.", c.Bytes.Load()},
		{"kymo_ingest_overflowed_requests_total", "Requests kept under (other) because of the cap on endpoints.", c.Overflowed.Load()},
		{"kymo_ingest_health_results_total", "Results of services' checks kept.", c.HealthRows.Load()},
		{"kymo_ingest_late_health_results_total", "Results of services' checks dropped because they were older than what is kept, or in the future.", c.HealthLate.Load()},
		{"kymo_ingest_unkept_statuses_total", "Statuses of checks in heartbeats sent as JSON for whose history there was no room.", c.HealthLost.Load()},
		{"kymo_heartbeats_total", "Heartbeats of instances.", c.Heartbeats.Load()},
		{"kymo_health_results_total", "Results of the hub's own checks kept.", kept},
		{"kymo_health_results_dropped_total", "Results of the hub's own checks that were dropped because the store failed.", dropped},
		{"kymo_clock_doubts_total", "Times the machine's clock stepped, or was found to be wrong.", c.Doubts.Load()},
		{"kymo_store_errors_total", "Operations of the store that failed.", c.StoreFails.Load()},
	} {
		b = append(b, "# HELP "+m.name+" "+m.help+"\n# TYPE "+m.name+" counter\n"+m.name+" "...)
		b = append(strconv.AppendUint(b, m.value, 10), '\n')
	}
	b = append(b, "# HELP kymo_ingest_dropped_requests_total Requests that services could not deliver, as they reported, by reason.\n# TYPE kymo_ingest_dropped_requests_total counter\n"...)
	for reason := range wire.DropReasons {
		b = append(b, fmt.Sprintf("kymo_ingest_dropped_requests_total{reason=%q} %d\n", reason.String(), c.Dropped[reason].Load())...)
	}
	b = append(b, "# HELP kymo_ingest_lost_requests_total Requests left out of bodies that were kept, by reason.\n# TYPE kymo_ingest_lost_requests_total counter\n"...)
	for reason := range ingest.Reasons {
		b = append(b, fmt.Sprintf("kymo_ingest_lost_requests_total{reason=%q} %d\n", reason.String(), c.Lost[reason].Load())...)
	}
	b = a.appendChecks(b)
	b = append(b, "# HELP kymo_build_info The running build; always 1.\n# TYPE kymo_build_info gauge\n"...)
	return append(b, `kymo_build_info{version="`+label(a.Version)+`",goversion="`+label(runtime.Version())+`"} 1`+"\n"...)
}

// appendChecks appends the state of the checks; of a check's four status gauges, one
// is 1.
func (a *API) appendChecks(b []byte) []byte {
	checks := a.report().Checks
	if len(checks) == 0 {
		return b
	}
	gauge := func(name, help string, value func(c *health.CheckReport, label string)) {
		b = append(b, "# HELP "+name+" "+help+"\n# TYPE "+name+" gauge\n"...)
		for i := range checks {
			value(&checks[i], name+`{check="`+label(checks[i].Name)+`"`)
		}
	}
	gauge("kymo_check_status", "The status of a check: 1 for the one it has, 0 for the others.", func(c *health.CheckReport, series string) {
		for s := health.Unknown; s <= health.Down; s++ {
			b = append(b, fmt.Sprintf("%s,status=%q} %d\n", series, s.String(), number(c.Status == s))...)
		}
	})
	gauge("kymo_check_response_seconds", "How long the last run of a check took.", func(c *health.CheckReport, series string) {
		b = append(b, fmt.Sprintf("%s} %g\n", series, c.Latency.Seconds())...)
	})
	gauge("kymo_check_flapping", "Whether a check is flapping.", func(c *health.CheckReport, series string) {
		b = append(b, fmt.Sprintf("%s} %d\n", series, number(c.Flapping))...)
	})
	gauge("kymo_check_stuck", "Whether a run of a check has not returned after its timeout.", func(c *health.CheckReport, series string) {
		b = append(b, fmt.Sprintf("%s} %d\n", series, number(c.Stuck))...)
	})
	return b
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// label escapes a label's value.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
