package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Cardinality is the number of endpoints, and what was merged to keep it low.
type Cardinality struct {
	Services    []ServiceCardinality `json:"services" nullable:"false" doc:"The services, by name."`
	Refused     []RefusedBodies      `json:"refused" nullable:"false" doc:"Why bodies were refused since the hub started, the latest first; the hub remembers 200 services and fields. What is refused is logged, too, once a minute."`
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

// RefusedBodies is bodies of one service that were refused for the same field.
type RefusedBodies struct {
	Service string    `json:"service" doc:"Whose they were; empty if that is not known." example:"orders"`
	Field   string    `json:"field" doc:"The field at fault; empty if it was the body as a whole." example:"status_code"`
	Problem string    `json:"problem" doc:"What was wrong with the last one." example:"is 9999; must be from 100 to 999"`
	Bodies  uint64    `json:"bodies" doc:"How many there were." example:"3"`
	Last    timestamp `json:"last" format:"date-time" doc:"When the last one came, UTC." example:"2026-11-23T10:15:30.123Z"`
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
		Description: "Shows why an endpoint is missing or has another name: the caps, what exceeds them, and the paths that became one template. It also has why bodies were refused. The answer comes from this hub's memory.",
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
	c.Refused = []RefusedBodies{}
	for _, r := range a.Intake.Refusals() {
		c.Refused = append(c.Refused, RefusedBodies{r.Service, r.Field, r.Problem, r.Bodies, stamp(r.Last.UnixMilli())})
	}
	return &cardinalityOutput{c}, nil
}
