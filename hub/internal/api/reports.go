package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Selection is the window and the filters that the reports take.
type Selection struct {
	Hours int `query:"hours" minimum:"1" maximum:"168" default:"24" doc:"The window is the last so many hours: [now - hours, now), UTC." example:"24"`
	Series
	Window
}

// Resolve refuses hours beside another window: one of them would be passed over.
func (s *Selection) Resolve(ctx huma.Context) []error {
	if ctx.Query("hours") == "" || !s.Window.given() {
		return nil
	}
	return []error{&huma.ErrorDetail{
		Location: "query.hours", Value: s.Hours, Message: "is given with minutes, from or to; give hours alone, or leave it off",
	}}
}

// span is the window, and for how long its answer is shared. By hours, a report
// is of this very instant: whoever has sent a request finds it in there.
func (s *Selection) span(now time.Time) (w rollup.Window, shared time.Duration, err error) {
	if !s.Window.given() {
		return rollup.LastHours(now, s.Hours), 0, nil
	}
	w, err = s.Window.span(now, true)
	return w, age(length(w)), err
}

type performanceInput struct {
	Selection
	Known
}

func (a *API) performance(ctx context.Context, in *performanceInput) (*writtenOutput, error) {
	w, shared, err := in.span(a.Now())
	if err != nil {
		return nil, err
	}
	question := *in
	question.Known = Known{}
	return a.reply(ctx, question, shared, in.Tag, func(ctx context.Context) (any, error) {
		s, err := a.summary(ctx, w, in.filter())
		if err != nil {
			return nil, err
		}
		defer s.Free()
		return s.Performance(), nil
	})
}

type endpointsInput struct {
	Selection
	Sort   string `query:"sort" default:"requests" enum:"requests,name,avg,p50,p95,p99,max,error_rate,client_error_rate,time_share" doc:"What to sort by: the largest first, names by the alphabet." example:"p95"`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" doc:"At most so many endpoints, after sorting; without it, all." example:"20"`
	Judged bool   `query:"judged" doc:"Only endpoints with enough requests to be judged by." example:"true"`
	Known
}

type endpointsOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Cache       string `header:"Cache-Control" hidden:"true"`
	ETag        string `header:"ETag" doc:"A name of this content, for If-None-Match." example:"\"3q2-7wBvX0mJtV5w\""`
	Total       int    `header:"X-Total-Count" doc:"How many endpoints there are without the limit." example:"42"`
	From        string `header:"Kymo-Window-From" doc:"The first instant of the window, RFC 3339." example:"2026-11-22T10:00:00Z"`
	To          string `header:"Kymo-Window-To" doc:"The first instant after the window, RFC 3339." example:"2026-11-23T10:00:00Z"`
	KnownFrom   string `header:"Kymo-Known-From" doc:"About the first instant of which the hub has requests, of whichever service, RFC 3339: before it nothing is known." example:"2026-11-22T10:00:00Z"`
	Dropped     uint64 `header:"Kymo-Dropped" doc:"Requests that could not be kept and are missing in the numbers." example:"0"`
	Overflowed  uint64 `header:"Kymo-Overflowed" doc:"Requests counted under (other) because of the cap on endpoints." example:"0"`
	Body        []byte
}

// endpointList is all endpoints of a selection, in no particular order. Those who
// want them sorted differently share it.
type endpointList struct {
	rows   []report.Endpoint
	window report.Window
	known  int64
	trust  report.Trust
}

// size is about what a row takes for each of them.
func (l *endpointList) size() int { return 256 * len(l.rows) }

func (a *API) endpoints(ctx context.Context, in *endpointsInput) (*endpointsOutput, error) {
	w, shared, err := in.span(a.Now())
	if err != nil {
		return nil, err
	}
	type question struct{ Selection }
	list, err := once(ctx, a, question{in.Selection}, shared, func(ctx context.Context) (*endpointList, error) {
		s, err := a.summary(ctx, w, in.filter())
		if err != nil {
			return nil, err
		}
		defer s.Free()
		known, err := a.known(ctx)
		return &endpointList{s.Endpoints(), s.Window(), known, s.Trust()}, err
	})
	if err != nil {
		return nil, err
	}
	rows := list.rows
	if in.Judged {
		rows = slices.DeleteFunc(slices.Clone(rows), func(e report.Endpoint) bool { return e.InsufficientData })
	}
	body, err := write(report.Order(in.Sort).Sort(rows, in.Limit))
	if err != nil {
		return nil, err
	}
	e := body.output(in.Tag)
	return &endpointsOutput{
		Status: e.Status, ContentType: e.ContentType, Cache: e.Cache, ETag: e.ETag, Body: e.Body,
		Total: len(rows), KnownFrom: time.UnixMilli(list.known).UTC().Format(time.RFC3339Nano), Dropped: list.trust.Dropped, Overflowed: list.trust.Overflowed,
		From: list.window.From.Format(time.RFC3339Nano), To: list.window.To.Format(time.RFC3339Nano),
	}, nil
}

// summary asks the store for a selection.
func (a *API) summary(ctx context.Context, w rollup.Window, f store.Filter) (*report.Summary, error) {
	return report.Read(a.Store.Rollups(ctx, store.RollupQuery{Window: w, Filter: f}), w, a.live.Load().slow)
}

// storeProblem counts an error of the store and says what it means to a client.
func (a *API) storeProblem(ctx context.Context, err error) error {
	if ctx.Err() == nil { // else the caller has left, which is no failure
		a.Intake.Counters.StoreFails.Add(1)
	}
	status, detail := a.storeFailed(ctx, err)
	problem := error(huma.NewError(status, detail))
	if status == http.StatusServiceUnavailable {
		problem = huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {retryAfter}})
	}
	return problem
}
