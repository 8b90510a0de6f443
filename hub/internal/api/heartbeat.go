package api

import (
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/ingest"
)

// maxHeartbeat bounds a heartbeat in bytes.
const maxHeartbeat = 1 << 20

// Heartbeat is a heartbeat as JSON. It only describes the body, which ingest.ReadHeartbeat
// reads.
type Heartbeat struct {
	_ struct{} `json:"-" additionalProperties:"true"`

	Service  string           `json:"service" minLength:"1" maxLength:"100" doc:"The service that is there." example:"orders"`
	Instance *string          `json:"instance,omitempty" maxLength:"112" doc:"Which process of it; the service's name by default." example:"orders-7f9c-1"`
	Version  *string          `json:"version,omitempty" maxLength:"64" doc:"The release of the service." example:"1.4.2"`
	Checks   []HeartbeatCheck `json:"checks,omitempty" doc:"The checks of the service, or an object of them by name."`
	Leaving  bool             `json:"leaving,omitempty" doc:"Whether the process stops on purpose: it will not be missed." example:"false"`
}

// HeartbeatCheck is the status of a check in a heartbeat.
type HeartbeatCheck struct {
	_ struct{} `json:"-" additionalProperties:"true"`

	Service        string         `json:"service" minLength:"1" doc:"The name of what is checked." example:"database"`
	Status         string         `json:"status" enum:"healthy,degraded,down" doc:"The status." example:"healthy"`
	ResponseTimeMS *float64       `json:"response_time_ms,omitempty" minimum:"0" doc:"How long the last run took." example:"3"`
	Details        map[string]any `json:"details,omitempty" doc:"What the last run measured."`
	Critical       bool           `json:"critical,omitempty" doc:"Whether the service is down when this check is." example:"true"`
	Reason         *string        `json:"reason,omitempty" doc:"Why the last run was not healthy." example:"no answer within 2s"`
}

// HeartbeatReceipt is the answer to a heartbeat.
type HeartbeatReceipt struct {
	Status string `json:"status" enum:"healthy,degraded,down" doc:"The status of the service in this process: healthy if every check is, down if a critical one is down, degraded otherwise." example:"healthy"`
}

func (a *API) routeHeartbeat() {
	a.handle(huma.Operation{
		OperationID: "post-heartbeat", Method: http.MethodPost, Path: "/api/v1/heartbeat", Tags: []string{tagIngest},
		Summary:     "Say that a service is there",
		Description: "For services without an SDK, which sends this by itself. A process that sends one every 10 s is shown in GET /health, with its checks; after 30 s of silence its service is unknown, and later down, unless the last one said leaving. What the checks found is kept as their history, which is durable when this is answered but for what is less than a minute old. Fields that are not known are ignored.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[Heartbeat]()), Example: map[string]any{
				"service": "orders", "instance": "orders-7f9c-1", "version": "1.4.2",
				"checks": []any{map[string]any{"service": "database", "status": "healthy", "response_time_ms": 3, "details": map[string]any{"connections": 4}, "critical": true}},
			}},
		}},
		Responses: map[string]*huma.Response{"202": {
			Description: "The heartbeat counts.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: a.schema(reflect.TypeFor[HeartbeatReceipt]()), Example: HeartbeatReceipt{Status: "healthy"},
			}},
		}},
		Security: needs(forIngest),
		Errors: []int{
			http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
		},
	}, a.postHeartbeat)
}

func (a *API) postHeartbeat(w http.ResponseWriter, r *http.Request) {
	if !a.accepts(w, r, "application/json", "text/plain", "") {
		return
	}
	b, err := a.readBody(w, r, maxHeartbeat)
	if err != nil {
		a.refuse(w, err)
		return
	}
	defer b.free()
	h, err := ingest.ReadHeartbeat(b.data)
	if err != nil {
		a.failed(w, r, a.Intake.Refuse("", err))
		return
	}
	if err := a.Intake.Heartbeat(r.Context(), h); err != nil {
		a.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(HeartbeatReceipt{h.Status().String()}) // The next heartbeat replaces it.
}
