package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Live is the answer to a liveness probe.
type Live struct {
	Status string `json:"status" enum:"healthy" doc:"The process answers." example:"healthy"`
}

// routeHealth registers the liveness probe. It looks at nothing, so that
// trouble of a dependency is never a reason to restart the hub.
func (a *API) routeHealth() {
	a.handle(huma.Operation{
		OperationID: "live", Method: http.MethodGet, Path: "/health/live", Tags: []string{tagHub},
		Summary:     "Whether the process lives",
		Description: "A Kubernetes liveness probe. It depends on nothing, not even on the store, and needs no token.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The process answers.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: a.schema(reflect.TypeFor[Live]()), Example: Live{Status: "healthy"},
			}},
		}},
	}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(`{"status":"healthy"}` + "\n")) // A probe that left asks again.
	})
}
