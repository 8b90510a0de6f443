package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/drill"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Filters select single requests, in addition to their series.
type Filters struct {
	Status string  `query:"status" pattern:"^([1-9]xx|[1-9][0-9][0-9]|error)?$" patternDescription:"a class such as 5xx, a code such as 404, or error" doc:"Only requests with this status: a class such as 5xx, a code such as 404, or error, which is 5xx." example:"5xx"`
	MinMS  float64 `query:"min_ms" minimum:"0" maximum:"2147483647" doc:"Only requests of at least this duration, ms." example:"500"`
	User   string  `query:"user" maxLength:"255" doc:"Only requests of this user." example:"user-7"`
}

type requestsInput struct {
	Range
	Filters
	Order  string `query:"order" default:"newest" enum:"newest,slowest" doc:"The order of the requests." example:"slowest"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The maximum number of requests to return." example:"20"`
	Cursor string `query:"cursor" maxLength:"200" doc:"Where to continue: next of the previous page, with all other parameters the same. The window stays that of the first page." example:"MS4xNzk1MzQ4ODAwMDAwLjE3OTU0MzUyMDAwMDA"`
}

type requestsOutput struct{ Body *RequestPage }

// RequestPage is a part of the selected requests.
type RequestPage struct {
	Requests []KeptRequest `json:"requests" nullable:"false" doc:"The requests, in the order of the parameter."`
	Next     *string       `json:"next" doc:"The cursor of the next page; null if there is none." example:"MS4xNzk1MzQ4ODAwMDAwLjE3OTU0MzUyMDAwMDA"`
	Found
}

// Found describes how far a search went.
type Found struct {
	Scanned  int   `json:"scanned" doc:"About how many requests were read for this answer." example:"5120"`
	Complete bool  `json:"complete" doc:"Whether the search was complete. A search reads a bounded number of requests. If it ended early, the next page continues from there; when the order is slowest, there may then be slower requests than these." example:"true"`
	Reached  int64 `json:"reached" doc:"The search covered everything from this instant on, Unix ms; when the order is slowest, it is the window's beginning." example:"1795348800000"`
}

func found(e *drill.Effort) Found { return Found{e.Scanned, e.Complete, e.Reached} }

// KeptRequest is one request as it is kept.
type KeptRequest struct {
	Service        string    `json:"service" doc:"The service that answered." example:"orders"`
	Endpoint       string    `json:"endpoint" doc:"The route template." example:"/users/{id}"`
	Method         string    `json:"method" doc:"The HTTP method; _OTHER for one that HTTP does not define." example:"GET"`
	StatusCode     int       `json:"status_code" doc:"The status of the response; 499 for a client that went away." example:"200"`
	ResponseTimeMS float64   `json:"response_time_ms" doc:"The duration, ms." example:"12.5"`
	FirstByteMS    *float64  `json:"first_byte_ms" doc:"The time until the response's header was written, ms; null if it was not measured." example:"11.9"`
	LifetimeMS     *float64  `json:"lifetime_ms" doc:"The time until the end of a stream or an upgraded connection, ms; null for other requests." example:"60000"`
	ResponseBytes  int64     `json:"response_bytes" doc:"Bytes of the response's body." example:"2048"`
	UserID         *string   `json:"user_id" doc:"Who made the request; null if unknown." example:"user-7"`
	Timestamp      timestamp `json:"timestamp" format:"date-time" doc:"When the request started, UTC." example:"2026-11-23T10:15:30.123Z"`
	Instance       string    `json:"instance" doc:"The process that answered; of requests that do not name it, the sender." example:"orders-7f9c-1"`
	Version        *string   `json:"version" doc:"The release of the service; null if unknown." example:"1.4.2"`
	Error          *string   `json:"error" doc:"The class of the error, such as an exception's name; null for none." example:"TimeoutError"`
	TraceID        *string   `json:"trace_id" doc:"The trace that the request is part of; null if unknown." example:"4bf92f3577b34da6a3ce929d0e0e4736"`
}

// timestamp is RFC 3339 in UTC with milliseconds.
type timestamp string

func stamp(ms int64) timestamp {
	return timestamp(time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00"))
}

func kept(r *store.Record) KeptRequest {
	k := KeptRequest{
		Service: r.Service, Endpoint: r.Endpoint, Method: r.Method, StatusCode: r.Status,
		ResponseTimeMS: inMS(r.Duration), ResponseBytes: r.Size, Timestamp: stamp(r.Start), Instance: r.Instance,
	}
	if r.FirstByte > 0 {
		k.FirstByteMS = new(inMS(r.FirstByte))
	}
	if r.Lifetime > 0 {
		k.LifetimeMS = new(inMS(r.Lifetime))
	}
	k.UserID, k.Version, k.Error, k.TraceID = nullable(r.User), nullable(r.Version), nullable(r.Error), nullable(r.Trace.String())
	return k
}

// nullable returns nil for an empty text.
func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func inMS(d time.Duration) float64 { return float64(d) / 1e6 }

// budget returns how much may be read for a page: some tens of milliseconds in the
// embedded store, and not much more than a second in any other.
func (a *API) budget(rows int) drill.Budget {
	began := a.Now()
	return drill.Budget{Rows: rows, Parts: 400, Ended: func() bool { return a.Now().Sub(began) > time.Second }}
}

func (a *API) routeRequests() {
	errs := []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	register(a, huma.Operation{
		OperationID: "requests", Method: http.MethodGet, Path: "/api/v1/requests", Tags: []string{tagReports},
		Summary:     "Single requests, the newest or the slowest first",
		Description: "Lists single requests, of which every one is kept. A cursor leads from page to page, within the window of the first one." + cachedFor,
		Security:    needs(forRead), Errors: errs,
	}, a.requests)
}

func (a *API) requests(ctx context.Context, in *requestsInput) (*requestsOutput, error) {
	f, err := a.filter(&in.Range, &in.Filters, in.Cursor == "")
	if err != nil {
		return nil, err
	}
	question := *in // without the parameters that change from page to page
	question.Limit, question.Cursor = 0, ""
	c := cursor{Window: f.Window}
	if in.Cursor != "" {
		if c, err = readCursor(in.Cursor, question); err != nil {
			return nil, err
		}
		f.Window = c.Window
	}
	find := drill.Newest
	if in.Order == "slowest" {
		find = drill.Slowest
	}
	var cacheFor time.Duration // only of first pages, which dashboards request repeatedly
	if in.Cursor == "" {
		cacheFor = ttl(length(f.Window))
	}
	page, err := cached(ctx, a, *in, cacheFor, func(ctx context.Context) (*RequestPage, error) {
		page, err := find(ctx, a.Store, f, c.Position, in.Limit, a.budget(200_000))
		if err != nil {
			return nil, err
		}
		return pageOf(page, c, question), nil
	})
	if err != nil {
		return nil, err
	}
	return &requestsOutput{page}, nil
}

func pageOf(page *drill.Page, c cursor, question requestsInput) *RequestPage {
	out := &RequestPage{Requests: make([]KeptRequest, len(page.Records)), Found: found(&page.Effort)}
	for i := range page.Records {
		out.Requests[i] = kept(&page.Records[i])
	}
	if page.Next != nil {
		c.Position = *page.Next
		out.Next = new(c.write(question))
	}
	return out
}

// filter returns the filter of a list. If rounded, its window ends a little before now,
// so that answers can be cached.
func (a *API) filter(r *Range, by *Filters, rounded bool) (f drill.Filter, err error) {
	w, err := r.span(a.Now(), rounded)
	f.RequestQuery = store.RequestQuery{
		Window: w, Filter: r.Series.filter(), MinDuration: time.Duration(by.MinMS * 1e6), User: by.User,
	}
	switch class, ok := strings.CutSuffix(by.Status, "xx"); {
	case by.Status == "error":
		f.Statuses = [2]int{500, 599}
	case ok:
		n := 100 * int(class[0]-'0')
		f.Statuses = [2]int{n, n + 99}
	case by.Status != "":
		n, convErr := strconv.Atoi(by.Status)
		if convErr != nil {
			return f, fmt.Errorf("status %q passed its pattern: %w", by.Status, convErr)
		}
		f.Statuses = [2]int{n, n}
	}
	return f, err
}
