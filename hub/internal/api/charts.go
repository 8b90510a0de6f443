package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

type seriesInput struct {
	Range
	Stepped
	Previous bool `query:"previous" doc:"Whether to answer for the window of the same length just before, too. Without it, if the hub does not know all of that window." example:"true"`
	Known
}

type heatmapInput struct {
	Range
	Stepped
	Known
}

// onceFor says what the descriptions of shared answers end with.
const onceFor = " Equal questions share one answer: for 2 s if the window is up to an hour long, 5 s up to a day, 15 s beyond."

func (a *API) routeCharts() {
	errs := []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	register(a, huma.Operation{
		OperationID: "timeseries", Method: http.MethodGet, Path: "/api/v1/timeseries", Tags: []string{tagReports},
		Summary:     "How a window went, step by step",
		Description: "Requests, errors, latency and status codes over time, as columns of equal length, and the window as a whole with its Apdex. Percentiles are those of merged histograms." + onceFor,
		Responses:   answers[report.Series](a), Security: needs(forRead), Errors: errs,
	}, a.timeseries)
	register(a, huma.Operation{
		OperationID: "heatmap", Method: http.MethodGet, Path: "/api/v1/heatmap", Tags: []string{tagReports},
		Summary:     "How many requests took how long, step by step",
		Description: "The latency of all requests as counts by step and by row of durations, each row a fourth of a power of two, or more if there would be over 64." + onceFor,
		Responses:   answers[report.Heatmap](a), Security: needs(forRead), Errors: errs,
	}, a.heatmap)
}

// chart is a window cut into steps.
type chart struct {
	window rollup.Window
	millis int64 // of a step
}

func (a *API) chart(r *Range, s *Stepped) (c chart, err error) {
	if c.window, err = r.span(a.Now(), true); err != nil {
		return c, err
	}
	c.millis, err = s.millis(c.window)
	return c, err
}

// query selects the series of all steps; a chart adds them up.
func (c *chart) query(s *Series) store.RollupQuery {
	return store.RollupQuery{Window: c.window, Filter: s.filter(), Step: c.millis, Coarse: true}
}

func (a *API) timeseries(ctx context.Context, in *seriesInput) (*writtenOutput, error) {
	c, err := a.chart(&in.Range, &in.Stepped)
	if err != nil {
		return nil, err
	}
	question := *in
	question.Known = Known{}
	return a.reply(ctx, question, age(length(c.window)), in.Tag, func(ctx context.Context) (any, error) {
		known, err := a.known(ctx)
		if err != nil {
			return nil, err
		}
		columns, err := a.columns(ctx, c, &in.Series, known)
		if err != nil {
			return nil, err
		}
		s := &report.Series{Columns: *columns, Step: c.millis / 1000, KnownFrom: known}
		before := c
		before.window = rollup.Window{From: 2*c.window.From - c.window.To, To: c.window.From}
		if in.Previous && before.window.From >= known {
			s.Previous, err = a.columns(ctx, before, &in.Series, known)
		}
		return s, err
	})
}

func (a *API) columns(ctx context.Context, c chart, s *Series, known int64) (*report.Columns, error) {
	return report.ReadColumns(a.Store.Rollups(ctx, c.query(s)), c.window, c.millis, a.live.Load().slow, s.Endpoint, known)
}

func (a *API) heatmap(ctx context.Context, in *heatmapInput) (*writtenOutput, error) {
	c, err := a.chart(&in.Range, &in.Stepped)
	if err != nil {
		return nil, err
	}
	question := *in
	question.Known = Known{}
	return a.reply(ctx, question, age(length(c.window)), in.Tag, func(ctx context.Context) (any, error) {
		return report.ReadHeatmap(a.Store.Rollups(ctx, c.query(&in.Series)), c.window, c.millis, a.live.Load().slow)
	})
}
