package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/health"
)

// healthPath begins the paths of the health. Load balancers and monitors add a slash and
// parameters of their own, which other servers allow.
const healthPath = "/health"

// Health is the status of everything. It only describes the answer, which package
// health writes.
type Health struct {
	Status    string                 `json:"status" enum:"healthy,degraded,down" doc:"Healthy if every check is healthy; down if a critical one is down; degraded otherwise." example:"degraded"`
	Timestamp time.Time              `json:"timestamp" doc:"When this was read from memory, UTC." example:"2026-11-23T10:15:30.123Z"`
	Checks    map[string]HealthCheck `json:"checks" doc:"The checks and the services, by name."`
}

// HealthCheck is the status of one check. It only describes the answer.
type HealthCheck struct {
	Service        string         `json:"service" doc:"The name of the check." example:"redis"`
	Status         string         `json:"status" enum:"healthy,degraded,down" doc:"The status. Unknown counts as degraded." example:"degraded"`
	ResponseTimeMS int64          `json:"response_time_ms" doc:"How long the last run took." example:"80"`
	Details        map[string]any `json:"details" doc:"What the last run measured; empty for callers without the read token, if one is configured."`
	State          string         `json:"state" enum:"healthy,degraded,down,unknown" doc:"The status. Unknown: no threshold was reached yet, the last run could not tell, or a service is silent." example:"degraded"`
	Since          *time.Time     `json:"since,omitempty" doc:"When the state last changed." example:"2026-11-23T10:10:00Z"`
	CheckedAt      *time.Time     `json:"checked_at,omitempty" doc:"When the last run ended." example:"2026-11-23T10:15:28Z"`
	Critical       bool           `json:"critical,omitempty" doc:"Whether everything is down when this check is." example:"false"`
	Flapping       bool           `json:"flapping,omitempty" doc:"Whether the results of the runs alternate; the check is then degraded, or down after several runs in a row." example:"false"`
	Stuck          bool           `json:"stuck,omitempty" doc:"Whether a run has not returned after its timeout." example:"false"`
	Passive        bool           `json:"passive,omitempty" doc:"Whether the status comes from calls that are made anyway." example:"false"`
	Reason         string         `json:"reason,omitempty" doc:"Why the last run was not healthy. Like details, it is omitted for callers without the read token." example:"took 80 ms, over 50 ms"`
	Maintenance    string         `json:"maintenance,omitempty" doc:"The maintenance window that is in force for the check. It does not change the status." example:"weekly"`
	ExplainedBy    string         `json:"explained_by,omitempty" doc:"The check that explains the status: this one depends on it, and it is down. The reason says so, too." example:"database"`
}

// Live is the answer to Kubernetes' probes.
type Live struct {
	Status string   `json:"status" enum:"healthy,down" doc:"The same as the status code." example:"healthy"`
	Checks []string `json:"checks,omitempty" doc:"The checks that have not run yet." example:"[]"`
}

// report returns the status of everything; an API may have no checks.
func (a *API) report() health.Report {
	if a.Health == nil {
		return health.Report{Status: health.Healthy, Time: a.Now()}
	}
	return a.Health()
}

func (a *API) routeHealth() {
	answers := &health.Handler{
		Report: a.report, Details: a.seesDetails,
		Info: health.Info{ServiceID: "kymo", ReleaseID: a.Version, Description: "what this Kymo monitors"},
	}
	a.handle(huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: healthPath, Tags: []string{tagHealth},
		Summary:     "Status of all checks and services",
		Description: "All checks and services, from memory: no check is run for this answer. It needs no token; if a read token is configured, callers without it or a session see only statuses. With Accept: application/health+json the answer is in the form of draft-inadarei-api-health-check-06.",
		Responses: map[string]*huma.Response{
			"200": a.healthResponse("No critical check is down."),
			"503": a.healthResponse("A critical check is down."),
		},
	}, answers.ServeHTTP)
	a.handle(huma.Operation{
		OperationID: "started", Method: http.MethodGet, Path: healthPath + "/started", Tags: []string{tagHealth},
		Summary:     "Whether the hub has started",
		Description: "A Kubernetes startup probe: whether each check has run once, with any result. It needs no token.",
		Responses: map[string]*huma.Response{
			"200": a.liveResponse("Each check has run.", "healthy"),
			"503": a.liveResponse("Some checks have not run yet.", "down"),
		},
	}, answers.ServeHTTP)
	// These two depend only on the hub: a target that is down is no reason to restart
	// the hub or to send it no requests. A hub that is shutting down answers 503 to
	// everything.
	for _, probe := range []struct{ id, summary, description string }{
		{"live", "Whether the process is alive", "A Kubernetes liveness probe. It depends on nothing, not even on the store, and needs no token."},
		{"ready", "Whether the hub takes requests", "A Kubernetes readiness probe. It does not depend on the checks: a database that is down must not keep services from reporting. A hub that is about to stop is not ready. It needs no token."},
	} {
		responses := map[string]*huma.Response{"200": a.liveResponse("The process answers.", "healthy")}
		if probe.id == "ready" {
			responses["503"] = a.liveResponse("The hub is about to stop.", "down")
		}
		a.handle(huma.Operation{
			OperationID: probe.id, Method: http.MethodGet, Path: healthPath + "/" + probe.id, Tags: []string{tagHealth},
			Summary: probe.summary, Description: probe.description,
			Responses: responses,
		}, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			if probe.id == "ready" && a.report().Draining {
				w.WriteHeader(http.StatusServiceUnavailable)
				_, _ = w.Write([]byte(`{"status":"down"}` + "\n"))
				return
			}
			_, _ = w.Write([]byte(`{"status":"healthy"}` + "\n")) // The probe is repeated anyway.
		})
	}
}

func (a *API) liveResponse(description, status string) *huma.Response {
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{
		"application/json": {Schema: a.schema(reflect.TypeFor[Live]()), Example: Live{Status: status}},
	}}
}

func (a *API) healthResponse(description string) *huma.Response {
	at := time.Date(2026, 11, 23, 10, 15, 30, 0, time.UTC)
	r := health.Report{Status: health.Degraded, Time: at, Checks: []health.CheckReport{{
		Name: "redis", Kind: "redis", State: health.State{Status: health.Degraded, Since: at.Add(-time.Minute)}, Runs: 7,
		CheckedAt: at.Add(-time.Second), Latency: 80 * time.Millisecond, Reason: "took 80 ms, over 50 ms",
		Details: json.RawMessage(`{"used_memory":1048576}`),
	}}}
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{
		"application/json": {Schema: a.schema(reflect.TypeFor[Health]()), Example: health.Plain(&r, true)},
		health.HealthJSON:  {Schema: &huma.Schema{Type: huma.TypeObject, Description: "As the draft says."}},
	}}
}
