package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/internal/wire"
)

func (a *API) routeReports() {
	errs := []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	performance := huma.Operation{
		OperationID: "performance", Method: http.MethodGet, Path: "/metrics/performance", Tags: []string{tagReports},
		Summary:     "The PerformanceReport of the last hours",
		Description: "All selected requests in one set of numbers, and the 10 endpoints with the highest 95th percentile. By hours, the numbers are of this very instant; by minutes, or by from and to, equal questions share one answer for some seconds.",
		Responses:   answers[report.Performance](a), Security: needs(forRead), Errors: errs,
	}
	register(a, performance, a.performance)

	endpoints := huma.Operation{
		OperationID: "endpoints", Method: http.MethodGet, Path: "/metrics/endpoints", Tags: []string{tagReports},
		Summary:     "The same numbers by endpoint",
		Description: "One element for each service, endpoint and method with requests in the window. The window, and what is missing in the numbers, stand in the headers. By hours, the numbers are of this very instant; by minutes, or by from and to, equal questions share one answer for some seconds.",
		Responses:   answers[[]report.Endpoint](a), Security: needs(forRead), Errors: errs,
	}
	register(a, endpoints, a.endpoints)
}

// register registers a GET route that huma reads the parameters of and answers.
func register[I, O any](a *API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	a.complete(&op)
	huma.Register(a.huma, op, h)
	for _, p := range a.huma.OpenAPI().Paths[op.Path].Get.Parameters {
		if len(p.Schema.Examples) > 0 {
			p.Example = p.Schema.Examples[0] // Huma has it in the schema alone, where pages do not look.
		}
	}
}

// PerformanceMetric is what a request is as JSON. It is for the document; the
// reader is ingest.JSON.
type PerformanceMetric struct {
	Endpoint       string  `json:"endpoint" minLength:"1" maxLength:"255" doc:"A route template, or a raw path, which is templated." example:"/users/{id}"`
	Method         string  `json:"method" minLength:"1" doc:"The HTTP method, in any case; one that HTTP does not define counts as _OTHER." example:"GET"`
	ResponseTimeMS float64 `json:"response_time_ms" minimum:"0" maximum:"2147483647" doc:"The duration in milliseconds; a fraction is kept to the nanosecond." example:"12.5"`
	StatusCode     int     `json:"status_code" minimum:"100" maximum:"999" doc:"The status of the response; 499 for a client that went away." example:"200"`
	UserID         *string `json:"user_id,omitempty" maxLength:"255" doc:"Who asked; null if unknown." example:"user-7"`
	Timestamp      *string `json:"timestamp,omitempty" format:"date-time" doc:"When the request started, RFC 3339 with its zone; the time of arrival if it is left off." example:"2026-11-23T10:15:30.123Z"`
	Service        *string `json:"service,omitempty" minLength:"1" maxLength:"100" doc:"Which service answered; \"default\" if it is left off." example:"orders"`
}

func (a *API) routePosts() {
	errs := []int{
		http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	accepted := func() map[string]*huma.Response {
		return map[string]*huma.Response{"202": {
			Description: "The requests are durable.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema:  a.schema(reflect.TypeFor[intake.Receipt]()),
				Example: intake.Receipt{Accepted: 2},
			}},
		}}
	}
	encoding := &huma.Param{
		Name: "Content-Encoding", In: "header", Description: "How the body is compressed.",
		Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"identity", "gzip", "zstd"}}, Example: "gzip",
	}
	a.handle(huma.Operation{
		OperationID: "post-batch", Method: http.MethodPost, Path: "/api/v1/batches", Tags: []string{tagIngest},
		Summary:     "Keep a batch of the SDK",
		Description: "The body is a batch in Kymo's own format. 202 is sent only once it is durable. A batch that comes again, by its instance and sequence, counts once. Requests older than what the hub keeps, or more than 24 h in the future, are dropped and counted; they do not fail the batch.",
		Parameters:  []*huma.Param{encoding},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			wire.ContentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "A batch as wire.Batch.AppendBinary writes it."}},
		}},
		Responses: accepted(), Security: needs(forIngest), Errors: errs,
	}, a.postBatch)

	metric := a.schema(reflect.TypeFor[PerformanceMetric]())
	one := map[string]any{"endpoint": "/users/{id}", "method": "GET", "response_time_ms": 12.5, "status_code": 200, "user_id": "user-7", "timestamp": "2026-11-23T10:15:30.123Z"}
	other := map[string]any{"endpoint": "/orders/1234", "method": "POST", "response_time_ms": 80, "status_code": 503, "service": "orders"}
	lines := `{"endpoint":"/users/7","method":"GET","response_time_ms":12.5,"status_code":200}
{"endpoint":"/users/8","method":"GET","response_time_ms":9,"status_code":404}
`
	a.handle(huma.Operation{
		OperationID: "post-requests", Method: http.MethodPost, Path: "/api/v1/requests", Tags: []string{tagIngest},
		Summary:     "Keep requests in the form that any language can write",
		Description: "The body is one PerformanceMetric, an array of them, or one on each line (NDJSON). 202 is sent only once all are durable. If one element is wrong, nothing of the body is kept, and the problem names its index and field. Fields that are not known are refused.",
		Parameters: []*huma.Param{encoding, {
			Name: "Idempotency-Key", In: "header", Example: "7f9c2ba4-e88f-4a1e-9d2f-0c5f7c2d9b1a",
			Description: "A name for this body, unique to it: if the body comes again with the same key within 168 h, it counts once, and the answer says duplicate. Choose it at random, and never use it for another body, which would be taken for this one.",
			Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: new(maxKey)},
		}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {
				Schema: &huma.Schema{OneOf: []*huma.Schema{metric, {Type: huma.TypeArray, Items: metric}}},
				Examples: map[string]*huma.Example{
					"one":  {Summary: "One request", Value: one},
					"many": {Summary: "Several requests", Value: []any{one, other}},
				},
			},
			"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One PerformanceMetric on each line."}, Example: lines},
		}},
		Responses: accepted(), Security: needs(forIngest), Errors: errs,
	}, a.postRequests)
}

// text describes an answer that is not JSON.
func text(contentType, description string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: description,
		Content:     map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
}
