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
	Previous bool `query:"previous" doc:"Whether to add the window of the same length just before. It is omitted if the hub does not have all of it." example:"true"`
	Conditional
}

type heatmapInput struct {
	Range
	Stepped
	Conditional
}

// cachedFor ends the descriptions of routes whose answers are cached.
const cachedFor = " Answers are cached: for 2 s if the window is up to an hour long, 5 s up to a day, 15 s beyond."

func (a *API) routeCharts() {
	errs := []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	register(a, huma.Operation{
		OperationID: "timeseries", Method: http.MethodGet, Path: "/api/v1/timeseries", Tags: []string{tagReports},
		Summary:     "Time series of a window",
		Description: "Requests, errors, latency and status codes by step, as columns of equal length, and the window as a whole with its Apdex. Percentiles come from merged histograms." + cachedFor,
		Responses:   answers[report.Series](a), Security: needs(forRead), Errors: errs,
	}, a.timeseries)
	register(a, huma.Operation{
		OperationID: "heatmap", Method: http.MethodGet, Path: "/api/v1/heatmap", Tags: []string{tagReports},
		Summary:     "Heatmap of durations",
		Description: "Counts of requests by step and by row of durations. Each row covers a fourth of a power of two, or more if there would be over 64 rows." + cachedFor,
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

func (a *API) timeseries(ctx context.Context, in *seriesInput) (*payloadOutput, error) {
	c, err := a.chart(&in.Range, &in.Stepped)
	if err != nil {
		return nil, err
	}
	key := *in
	key.Conditional = Conditional{}
	return a.reply(ctx, key, ttl(length(c.window)), in.Conditional, func(ctx context.Context) (any, error) {
		known, err := a.knownFrom(ctx)
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
	columns, err := report.ReadColumns(a.Store.Rollups(ctx, c.query(s)), c.window, c.millis, liveOf(ctx).slow, s.Endpoint, known)
	if err == nil {
		columns.Trust.Lose(a.lost(c.window))
	}
	return columns, err
}

func (a *API) heatmap(ctx context.Context, in *heatmapInput) (*payloadOutput, error) {
	c, err := a.chart(&in.Range, &in.Stepped)
	if err != nil {
		return nil, err
	}
	key := *in
	key.Conditional = Conditional{}
	return a.reply(ctx, key, ttl(length(c.window)), in.Conditional, func(ctx context.Context) (any, error) {
		return report.ReadHeatmap(a.Store.Rollups(ctx, c.query(&in.Series)), c.window, c.millis, liveOf(ctx).slow)
	})
}
