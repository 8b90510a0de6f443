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

func (a *API) routeReports() {
	errs := []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	performance := huma.Operation{
		OperationID: "performance", Method: http.MethodGet, Path: "/metrics/performance", Tags: []string{tagReports},
		Summary:     "Performance report",
		Description: "The numbers of all selected requests, and the 10 endpoints with the highest 95th percentile. With hours, the answer is up to date; with minutes, or from and to, it is cached for some seconds.",
		Responses:   answers[report.Performance](a), Security: needs(forRead), Errors: errs,
	}
	register(a, performance, a.performance)

	endpoints := huma.Operation{
		OperationID: "endpoints", Method: http.MethodGet, Path: "/metrics/endpoints", Tags: []string{tagReports},
		Summary:     "Performance report by endpoint",
		Description: "One element for each service, endpoint and method with requests in the window. The headers have the window and what is missing from the numbers. With hours, the answer is up to date; with minutes, or from and to, it is cached for some seconds.",
		Responses:   answers[[]report.Endpoint](a), Security: needs(forRead), Errors: errs,
	}
	register(a, endpoints, a.endpoints)
}

// Selection is the window and the filters that the reports take.
type Selection struct {
	Hours int `query:"hours" minimum:"1" maximum:"168" default:"24" doc:"The length of the window, which ends now: [now - hours, now), UTC." example:"24"`
	Series
	Window
}

// Resolve refuses hours together with another window, since one of them would
// be ignored.
func (s *Selection) Resolve(ctx huma.Context) []error {
	if ctx.Query("hours") == "" || !s.Window.given() {
		return nil
	}
	return []error{&huma.ErrorDetail{
		Location: "query.hours", Value: s.Hours, Message: "cannot be combined with minutes, from or to; give hours alone, or omit it",
	}}
}

// span returns the window, and for how long its answer may be cached. With hours,
// a report is up to date to the instant and includes a request that was just
// sent.
func (s *Selection) span(now time.Time) (w rollup.Window, cacheFor time.Duration, err error) {
	if !s.Window.given() {
		return rollup.LastHours(now, s.Hours), 0, nil
	}
	w, err = s.Window.span(now, true)
	return w, ttl(length(w)), err
}

type performanceInput struct {
	Selection
	Conditional
}

func (a *API) performance(ctx context.Context, in *performanceInput) (*payloadOutput, error) {
	w, cacheFor, err := in.span(a.Now())
	if err != nil {
		return nil, err
	}
	key := *in
	key.Conditional = Conditional{}
	return a.reply(ctx, key, cacheFor, in.Conditional, func(ctx context.Context) (any, error) {
		s, err := a.summary(ctx, w, in.filter())
		if err != nil {
			return nil, err
		}
		defer s.Free()
		p := s.Performance()
		p.Trust.Lose(a.lost(w))
		return p, nil
	})
}

type endpointsInput struct {
	Selection
	Sort   string `query:"sort" default:"requests" enum:"requests,name,avg,p50,p95,p99,max,error_rate,client_error_rate,time_share" doc:"The order: the largest first, names alphabetically." example:"p95"`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" doc:"The maximum number of endpoints to return, after sorting; all by default." example:"20"`
	Judged bool   `query:"judged" doc:"Only endpoints with enough requests for a verdict." example:"true"`
	Conditional
}

type endpointsOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	ETag         string `header:"ETag" doc:"The entity tag of this answer, for If-None-Match." example:"W/\"3q2-7wBvX0mJtV5w\""`
	Total        int    `header:"X-Total-Count" doc:"The number of endpoints without the limit." example:"42"`
	From         string `header:"Kymo-Window-From" doc:"The first instant of the window, RFC 3339." example:"2026-11-22T10:00:00Z"`
	To           string `header:"Kymo-Window-To" doc:"The first instant after the window, RFC 3339." example:"2026-11-23T10:00:00Z"`
	KnownFrom    string `header:"Kymo-Known-From" doc:"Approximately the first instant for which the hub has requests of any service, RFC 3339. What happened before is unknown." example:"2026-11-22T10:00:00Z"`
	Dropped      uint64 `header:"Kymo-Dropped" doc:"Requests that could not be kept and are missing from the numbers." example:"0"`
	Overflowed   uint64 `header:"Kymo-Overflowed" doc:"Requests counted under (other) because of the cap on endpoints." example:"0"`
	Lost         uint64 `header:"Kymo-Lost" doc:"Requests that the store had and can no longer read: at most so many are missing from the numbers." example:"0"`
	Damaged      bool   `header:"Kymo-Damaged" doc:"Whether a part of the window is damaged in the store." example:"false"`
	Body         []byte
}

// endpointList is all endpoints of a selection, in no particular order: it is cached once
// for all orders.
type endpointList struct {
	rows   []report.Endpoint
	window report.Window
	known  int64
	trust  report.Trust
}

// size returns about how many bytes it takes.
func (l *endpointList) size() int { return 256 * len(l.rows) }

func (a *API) endpoints(ctx context.Context, in *endpointsInput) (*endpointsOutput, error) {
	w, cacheFor, err := in.span(a.Now())
	if err != nil {
		return nil, err
	}
	type key struct{ Selection }
	list, err := cached(ctx, a, key{in.Selection}, cacheFor, func(ctx context.Context) (*endpointList, error) {
		s, err := a.summary(ctx, w, in.filter())
		if err != nil {
			return nil, err
		}
		defer s.Free()
		known, err := a.knownFrom(ctx)
		trust := s.Trust()
		trust.Lose(a.lost(w))
		return &endpointList{s.Endpoints(), s.Window(), known, trust}, err
	})
	if err != nil {
		return nil, err
	}
	rows := list.rows
	if in.Judged {
		rows = slices.DeleteFunc(slices.Clone(rows), func(e report.Endpoint) bool { return e.InsufficientData })
	}
	body, err := encode(report.Order(in.Sort).Sort(rows, in.Limit))
	if err != nil {
		return nil, err
	}
	e := body.output(in.IfNoneMatch)
	return &endpointsOutput{
		Status: e.Status, ContentType: e.ContentType, CacheControl: e.CacheControl, ETag: e.ETag, Body: e.Body,
		Total: len(rows), KnownFrom: time.UnixMilli(list.known).UTC().Format(time.RFC3339Nano), Dropped: list.trust.Dropped, Overflowed: list.trust.Overflowed,
		Lost: list.trust.Lost, Damaged: list.trust.Damaged,
		From: list.window.From.Format(time.RFC3339Nano), To: list.window.To.Format(time.RFC3339Nano),
	}, nil
}

// lost returns what the store lost of a window; most stores lose nothing.
func (a *API) lost(w rollup.Window) store.Loss {
	if a.Lost == nil {
		return store.Loss{}
	}
	return a.Lost(w)
}

// summary reads a selection from the store.
func (a *API) summary(ctx context.Context, w rollup.Window, f store.Filter) (*report.Summary, error) {
	return report.Read(a.Store.Rollups(ctx, store.RollupQuery{Window: w, Filter: f}), w, liveOf(ctx).slow)
}

// storeProblem counts an error of the store and returns the problem to answer with.
func (a *API) storeProblem(ctx context.Context, err error) error {
	if ctx.Err() == nil { // otherwise the caller has left, and nothing failed
		a.Intake.Counters.StoreFails.Add(1)
	}
	status, detail := a.storeFailed(ctx, err)
	problem := error(huma.NewError(status, detail))
	if status == http.StatusServiceUnavailable {
		problem = huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {retryAfter}})
	}
	return problem
}
