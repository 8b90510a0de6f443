package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Cardinality is the number of endpoints, and what was merged to keep it low.
type Cardinality struct {
	Services    []ServiceCardinality `json:"services" nullable:"false" doc:"The services, by name."`
	ServicesCap int                  `json:"services_cap" doc:"The maximum number of services that this hub keeps apart; batches of further ones are refused." example:"1000"`
}

// ServiceCardinality is the endpoints of one service.
type ServiceCardinality struct {
	Service    string              `json:"service" doc:"Its name." example:"orders"`
	Endpoints  int                 `json:"endpoints" doc:"The number of endpoints that are kept apart." example:"42"`
	Cap        int                 `json:"cap" doc:"The limit on that number." example:"1000"`
	Overflowed uint64              `json:"overflowed" doc:"Requests counted under (other) since the hub started, because their endpoint was over the cap." example:"0"`
	Others     []string            `json:"others" nullable:"false" doc:"Endpoints over the cap since the hub started: the first 20." example:"[\"/old/{id}\"]"`
	Collapsed  []CollapsedEndpoint `json:"collapsed" nullable:"false" doc:"Endpoints that raw paths were merged into since the hub started, those with the most paths first; the hub remembers 512."`
}

// CollapsedEndpoint is a template that Kymo made.
type CollapsedEndpoint struct {
	Template string   `json:"template" doc:"The endpoint." example:"/users/{id}"`
	Paths    int      `json:"paths" doc:"How many different paths were merged into it, counted up to 256." example:"256"`
	Examples []string `json:"examples" nullable:"false" doc:"The first five of them." example:"[\"/users/7\",\"/users/8\"]"`
}

type cardinalityOutput struct{ Body *Cardinality }

func (a *API) routeCardinality() {
	register(a, huma.Operation{
		OperationID: "cardinality", Method: http.MethodGet, Path: "/api/v1/cardinality", Tags: []string{tagHub},
		Summary:     "The number of endpoints of each service, and what was merged",
		Description: "Shows why an endpoint is missing or has another name: the caps, what exceeds them, and the paths that became one template. The answer comes from this hub's memory.",
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
