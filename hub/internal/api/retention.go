package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/report"
)

// Keeper decides which requests are kept, and for how long.
type Keeper interface {
	// Retention describes which requests are kept, and why.
	Retention() report.Retention
	// LowerFloor moves back the instant before which everything was deleted.
	LowerFloor(ctx context.Context, to time.Time) error
}

// NewFloor is the instant to which a floor is lowered.
type NewFloor struct {
	Floor time.Time `json:"floor" doc:"The new floor, RFC 3339." example:"2026-11-16T10:00:00Z"`
}

const maxNewFloor = 4 << 10 // bytes of a body

type retentionOutput struct{ Body report.Retention }

func (a *API) routeRetention() {
	register(a, huma.Operation{
		OperationID: "retention", Method: http.MethodGet, Path: "/api/v1/retention", Tags: []string{tagHub},
		Summary:     "Since when requests are kept, and why",
		Description: "The floor of the store, the limits from the configuration, and the clock by which data is deleted.",
		Security:    needs(forRead),
	}, func(context.Context, *struct{}) (*retentionOutput, error) {
		return &retentionOutput{a.Keeper.Retention()}, nil
	})
	answer := a.schema(reflect.TypeFor[report.Retention]())
	a.handle(huma.Operation{
		OperationID: "lower-floor", Method: http.MethodPost, Path: "/api/v1/retention", Tags: []string{tagHub},
		Summary:     "Lower the floor",
		Description: "For a floor that a wrong clock raised, so that requests of now are refused as too old. What starts from the new floor on is taken again, and what was not deleted of it is shown again; what was deleted is gone. The floor is never lowered to before what the maximum age keeps, and stays if it is not after the one asked for: the answer has the one in force.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.schema(reflect.TypeFor[NewFloor]()), Example: NewFloor{time.Date(2026, 11, 16, 10, 0, 0, 0, time.UTC)}},
		}},
		Responses: map[string]*huma.Response{"200": {
			Description: "The retention from now on.", Content: map[string]*huma.MediaType{"application/json": {Schema: answer}},
		}},
		Security: needs(forIngest),
		Errors:   []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.lowerFloor)
}

func (a *API) lowerFloor(w http.ResponseWriter, r *http.Request) {
	var in NewFloor
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNewFloor))
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil || in.Floor.IsZero() {
		writeProblem(w, http.StatusUnprocessableEntity, "the body must be an object with the floor",
			&huma.ErrorDetail{Location: "body.floor", Message: `is not a time; the body is {"floor":"2026-11-16T10:00:00Z"}, of at most 4 KiB`})
		return
	}
	if err := a.Keeper.LowerFloor(r.Context(), in.Floor); err != nil {
		a.failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.Keeper.Retention()) // The client may have left.
}
