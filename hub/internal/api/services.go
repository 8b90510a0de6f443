package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

type servicesOutput struct{ Body ServiceNames }

// ServiceNames is all services.
type ServiceNames struct {
	Services []string `json:"services" nullable:"false" doc:"Their names, in order." example:"[\"orders\",\"shop\"]"`
}

func (a *API) routeServices() {
	register(a, huma.Operation{
		OperationID: "services", Method: http.MethodGet, Path: "/api/v1/services", Tags: []string{tagReports},
		Summary:     "Names of all services",
		Description: "The services of all requests in the store, and of those received since the hub started.",
		Security:    needs(forRead),
	}, a.services)
}

func (a *API) services(context.Context, *struct{}) (*servicesOutput, error) {
	return &servicesOutput{ServiceNames{append([]string{}, a.Intake.Services()...)}}, nil
}
