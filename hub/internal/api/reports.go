package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Selection is the window and the filters that all reports take.
type Selection struct {
	Hours    int    `query:"hours" minimum:"1" maximum:"168" default:"24" doc:"The window is the last so many hours: [now - hours, now), UTC." example:"24"`
	Service  string `query:"service" maxLength:"100" doc:"Only requests of this service." example:"orders"`
	Endpoint string `query:"endpoint" maxLength:"255" doc:"Only requests of this endpoint, a route template." example:"/users/{id}"`
	Method   string `query:"method" maxLength:"10" doc:"Only requests with this HTTP method." example:"GET"`
}

type performanceInput struct{ Selection }

type performanceOutput struct{ Body *report.Performance }

func (a *API) performance(ctx context.Context, in *performanceInput) (*performanceOutput, error) {
	s, err := a.summary(ctx, &in.Selection)
	if err != nil {
		return nil, err
	}
	defer s.Free()
	return &performanceOutput{s.Performance()}, nil
}

type endpointsInput struct {
	Selection
	Sort  string `query:"sort" default:"requests" enum:"requests,name,avg,p50,p95,p99,max,error_rate,client_error_rate,time_share" doc:"What to sort by: the largest first, names by the alphabet." example:"p95"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" doc:"At most so many endpoints, after sorting; without it, all." example:"20"`
}

type endpointsOutput struct {
	Total      int    `header:"X-Total-Count" doc:"How many endpoints there are without the limit." example:"42"`
	From       string `header:"Kymo-Window-From" doc:"The first instant of the window, RFC 3339." example:"2026-11-22T10:00:00Z"`
	To         string `header:"Kymo-Window-To" doc:"The first instant after the window, RFC 3339." example:"2026-11-23T10:00:00Z"`
	Dropped    uint64 `header:"Kymo-Dropped" doc:"Requests that could not be kept and are missing in the numbers." example:"0"`
	Overflowed uint64 `header:"Kymo-Overflowed" doc:"Requests counted under (other) because of the cap on endpoints." example:"0"`
	Body       []report.Endpoint
}

func (a *API) endpoints(ctx context.Context, in *endpointsInput) (*endpointsOutput, error) {
	s, err := a.summary(ctx, &in.Selection)
	if err != nil {
		return nil, err
	}
	defer s.Free()
	rows, all := s.Endpoints(report.Order(in.Sort), in.Limit)
	window, trust := s.Window(), s.Trust()
	return &endpointsOutput{
		Total: all, Body: rows, Dropped: trust.Dropped, Overflowed: trust.Overflowed,
		From: window.From.Format(time.RFC3339Nano), To: window.To.Format(time.RFC3339Nano),
	}, nil
}

// summary asks the store for a selection.
func (a *API) summary(ctx context.Context, in *Selection) (*report.Summary, error) {
	q := store.Query{
		Window:  rollup.LastHours(a.Now(), in.Hours),
		Service: in.Service, Endpoint: in.Endpoint, Method: strings.ToUpper(in.Method),
	}
	s, err := report.Read(a.Store.Rollups(ctx, q), q.Window, a.Slow)
	if err != nil {
		return nil, a.storeProblem(ctx, err)
	}
	return s, nil
}

// storeProblem counts an error of the store and says what it means to a client.
func (a *API) storeProblem(ctx context.Context, err error) error {
	a.Intake.Counters.StoreFails.Add(1)
	status, detail := a.storeFailed(ctx, err)
	problem := error(huma.NewError(status, detail))
	if status == http.StatusServiceUnavailable {
		problem = huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {retryAfter}})
	}
	return problem
}
