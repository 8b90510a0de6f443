package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Cardinality is how many endpoints there are, and what was merged to keep them few.
type Cardinality struct {
	Services    []ServiceCardinality `json:"services" nullable:"false" doc:"The services, by name."`
	ServicesCap int                  `json:"services_cap" doc:"How many services this hub keeps at most; batches of others are refused." example:"1000"`
}

// ServiceCardinality is the endpoints of one service.
type ServiceCardinality struct {
	Service    string              `json:"service" doc:"Its name." example:"orders"`
	Endpoints  int                 `json:"endpoints" doc:"How many endpoints have a place." example:"42"`
	Cap        int                 `json:"cap" doc:"How many can have one." example:"1000"`
	Overflowed uint64              `json:"overflowed" doc:"Requests put under (other) since the hub started, because their endpoint found no place." example:"0"`
	Others     []string            `json:"others" nullable:"false" doc:"Endpoints that found no place since the hub started: the first 20." example:"[\"/old/{id}\"]"`
	Collapsed  []CollapsedEndpoint `json:"collapsed" nullable:"false" doc:"Endpoints that raw paths were merged into since the hub started, those of the most paths first; at most 512 on this hub."`
}

// CollapsedEndpoint is a template that Kymo made.
type CollapsedEndpoint struct {
	Template string   `json:"template" doc:"The endpoint." example:"/users/{id}"`
	Paths    int      `json:"paths" doc:"How many different paths it stands for, at least: they are counted up to 256." example:"256"`
	Examples []string `json:"examples" nullable:"false" doc:"The first five of them." example:"[\"/users/7\",\"/users/8\"]"`
}

type cardinalityOutput struct{ Body *Cardinality }

func (a *API) routeCardinality() {
	register(a, huma.Operation{
		OperationID: "cardinality", Method: http.MethodGet, Path: "/api/v1/cardinality", Tags: []string{tagHub},
		Summary:     "How many endpoints each service has, and what was merged",
		Description: "Why an endpoint is missing or is called otherwise: the caps, what is over them, and the paths that became one template. From the memory of this hub.",
		Security:    needs(forRead),
	}, a.cardinality)
}

func (a *API) cardinality(context.Context, *struct{}) (*cardinalityOutput, error) {
	services, limits := a.Intake.Cardinality()
	c := &Cardinality{Services: make([]ServiceCardinality, len(services)), ServicesCap: limits.Services}
	for i, s := range services {
		one := ServiceCardinality{
			Service: s.Service, Endpoints: s.Endpoints, Cap: limits.Endpoints, Overflowed: s.Overflowed,
			Others: append([]string{}, s.Others...), Collapsed: make([]CollapsedEndpoint, len(s.Collapsed)),
		}
		for k, e := range s.Collapsed {
			one.Collapsed[k] = CollapsedEndpoint(e)
		}
		c.Services[i] = one
	}
	return &cardinalityOutput{c}, nil
}
