package api

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/internal/wire"
)

// maxKey bounds an idempotency key.
const maxKey = 255

// PerformanceMetric is a request as JSON. It only describes the body, which ingest.JSON
// reads, and which may be more than this: see its description.
type PerformanceMetric struct {
	_ struct{} `json:"-" additionalProperties:"true"`

	Endpoint       string   `json:"endpoint,omitempty" minLength:"1" doc:"A raw path, which is turned into a route template, or a template. Required unless there is a route." example:"/users/{id}"`
	Method         string   `json:"method" minLength:"1" doc:"The HTTP method, in any case; one that HTTP does not define counts as _OTHER." example:"GET"`
	ResponseTimeMS float64  `json:"response_time_ms" minimum:"0" maximum:"2147483647" doc:"The duration in milliseconds; a fraction is kept to the nanosecond." example:"12.5"`
	StatusCode     int      `json:"status_code" minimum:"100" maximum:"999" doc:"The status of the response; 499 for a client that went away." example:"200"`
	UserID         *string  `json:"user_id,omitempty" doc:"Who made the request; null if unknown." example:"user-7"`
	Timestamp      *string  `json:"timestamp,omitempty" format:"date-time" doc:"When the request started; by default the time of arrival, less the duration. Without a zone it is UTC." example:"2026-11-23T10:15:30.123Z"`
	Service        *string  `json:"service,omitempty" minLength:"1" maxLength:"100" doc:"The service that answered; \"default\" by default." example:"orders"`
	Route          *string  `json:"route,omitempty" doc:"The template that the service's router matched, which is taken as it is, instead of endpoint." example:"/users/{id}"`
	FirstByteMS    *float64 `json:"first_byte_ms,omitempty" minimum:"0" doc:"Milliseconds until the response's header was written." example:"9.5"`
	LifetimeMS     *float64 `json:"lifetime_ms,omitempty" minimum:"0" doc:"Milliseconds until the end of a stream, whose response_time_ms is that until its first byte." example:"60000"`
	ResponseBytes  *int64   `json:"response_bytes,omitempty" minimum:"0" doc:"The size of the response's body." example:"512"`
	Error          *string  `json:"error,omitempty" doc:"A short class of what went wrong, such as an exception's name." example:"TimeoutError"`
	Instance       *string  `json:"instance,omitempty" doc:"The process that answered, such as a host's or a pod's name." example:"orders-7f9c-1"`
	Version        *string  `json:"version,omitempty" doc:"The release of the service." example:"1.4.2"`
	TraceID        *string  `json:"trace_id,omitempty" doc:"The trace that the request is part of: 32 hex digits. Anything else is ignored, and named in warnings." example:"4bf92f3577b34da6a3ce929d0e0e4736"`
	CreatedAt      *string  `json:"created_at,omitempty" format:"date-time" doc:"Another name of timestamp." example:"2026-11-23T10:15:30.123Z"`
	MetricID       *string  `json:"metric_id,omitempty" doc:"Known, and ignored." example:"7f9c2ba4-e88f-4a1e-9d2f-0c5f7c2d9b1a"`
}

// Receipt is the answer to a body that is durable.
type Receipt struct {
	intake.Receipt
	Warnings []string `json:"warnings,omitempty" doc:"Fields of the body that were ignored, as they are not known or do not hold what they should: each once, and at most 20." example:"[\"client_ip\"]"`
}

func (a *API) routeIngest() {
	errs := []int{
		http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	accepted := func() map[string]*huma.Response {
		return map[string]*huma.Response{"202": {
			Description: "The requests are durable.",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema:  a.schema(reflect.TypeFor[Receipt]()),
				Example: Receipt{Receipt: intake.Receipt{Accepted: 2}},
			}},
		}}
	}
	encoding := &huma.Param{
		Name: "Content-Encoding", In: "header", Description: "How the body is compressed.",
		Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"identity", "gzip", "zstd"}}, Example: "gzip",
	}
	a.handle(huma.Operation{
		OperationID: "post-batch", Method: http.MethodPost, Path: "/api/v1/batches", Tags: []string{tagIngest},
		Summary:     "Keep a batch from an SDK",
		Description: "The body is a batch in Kymo's own format. 202 is sent only once it is durable. A batch that is sent again, with the same instance and sequence, counts once. Requests older than the retention, or more than 24 h in the future, are dropped and counted; the rest of the batch is kept.",
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
		Summary:     "Keep requests sent as JSON",
		Description: "The body is one PerformanceMetric, an array of them, an object whose first member, requests, is one, or one on each line (NDJSON). 202 is sent only once all are durable. Numbers may be strings, a user_id may be a number, a timestamp may be Unix time in seconds to nanoseconds, or lack its zone or the T. Fields that are not known are ignored and named in warnings. What a client of the service may have chosen (path, user, method, error, trace) is cleaned instead of refused: it is cut, and what is not UTF-8 or a control character is replaced. If anything else of one element is invalid, nothing of the body is kept, and the problem names its index and field. Requests older than what the hub keeps, or more than 24 h in the future, are dropped and counted; the rest of the body is kept.",
		Parameters: []*huma.Param{encoding, {
			Name: "Idempotency-Key", In: "header", Example: "7f9c2ba4-e88f-4a1e-9d2f-0c5f7c2d9b1a",
			Description: "A random name for this body. If the body is sent again with the same key within 168 h, it counts once, and duplicate is true in the answer. Another body with the same key is refused; of keys that it no longer remembers, as after a restart, the hub takes it for the first.",
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

func (a *API) postBatch(w http.ResponseWriter, r *http.Request) {
	if !a.accepts(w, r, wire.ContentType) {
		return
	}
	b, err := a.readBody(w, r, wire.MaxBytes)
	if err != nil {
		a.refuse(w, err)
		return
	}
	defer b.free()
	receipt, err := a.Intake.Batch(r.Context(), b.data)
	a.answer(w, r, Receipt{Receipt: receipt}, err)
}

func (a *API) postRequests(w http.ResponseWriter, r *http.Request) {
	if !a.accepts(w, r, "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain", "") {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		a.refuse(w, &bodyError{http.StatusUnprocessableEntity, "header.Idempotency-Key",
			"Idempotency-Key is too long; must be at most " + strconv.Itoa(maxKey) + " bytes"})
		return
	}
	b, err := a.readBody(w, r, maxDecoded)
	if err != nil {
		a.refuse(w, err)
		return
	}
	defer b.free()
	reader := ingest.JSON(b.data)
	receipt, err := a.Intake.Read(r.Context(), intake.Body{Reader: reader, Key: key, Content: b.data})
	if errors.Is(err, intake.ErrKeyReused) {
		const problem = "another body was sent with this Idempotency-Key; use a new one for each body"
		writeProblem(w, http.StatusUnprocessableEntity, "nothing of this body was kept: "+problem,
			&huma.ErrorDetail{Location: "header.Idempotency-Key", Message: problem})
		return
	}
	a.answer(w, r, Receipt{receipt, reader.Ignored()}, err)
}

// accepts reports whether the body is of one of the media types. If not, it has
// answered the request.
func (a *API) accepts(w http.ResponseWriter, r *http.Request, types ...string) bool {
	header := r.Header.Get("Content-Type")
	got := header
	if header != types[0] {
		got, _, _ = mime.ParseMediaType(header)
		if got == "" && header != "" {
			got = "invalid"
		}
	}
	if slices.Contains(types, got) {
		return true
	}
	want := strings.TrimSuffix(strings.Join(types, ", "), ", ")
	w.Header().Set("Accept", want)
	a.refuse(w, &bodyError{http.StatusUnsupportedMediaType, "header.Content-Type",
		"Content-Type must be one of: " + want})
	return false
}

// refuse answers a request whose body was not read to its end.
func (a *API) refuse(w http.ResponseWriter, err error) {
	var e *bodyError
	if !errors.As(err, &e) {
		e = &bodyError{http.StatusBadRequest, "body", err.Error()}
	}
	if e.status == http.StatusServiceUnavailable || e.status == http.StatusRequestTimeout {
		a.Intake.Counters.Refused.Add(1) // no mistake of the sender, who sends it again
	} else {
		_ = a.Intake.Refuse("", &wire.FieldError{Index: -1, Field: e.field, Problem: e.detail})
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	// Reading the rest of the body would cost more than a new connection. But a client that
	// sends too much would have sent all of it before it reads why that is refused: the
	// server discards that.
	if e.status != http.StatusRequestEntityTooLarge {
		w.Header().Set("Connection", "close")
	}
	writeProblem(w, e.status, e.detail, &huma.ErrorDetail{Location: e.field, Message: e.detail})
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, receipt Receipt, err error) {
	if err != nil {
		a.failed(w, r, err)
		return
	}
	var room [160]byte
	b := append(room[:0], `{"accepted":`...)
	b = strconv.AppendInt(b, int64(receipt.Accepted), 10)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, receipt.Duplicate)
	if receipt.Dropped > 0 {
		b = append(b, `,"dropped":`...)
		b = strconv.AppendInt(b, int64(receipt.Dropped), 10)
		b = appendReasons(append(b, `,"dropped_reasons":`...), &receipt.DroppedReasons)
	}
	if len(receipt.Warnings) > 0 {
		names, _ := json.Marshal(receipt.Warnings) // strings can always be encoded
		b = append(append(b, `,"warnings":`...), names...)
	}
	b = append(b, "}\n"...)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(b) // A client that did not get the answer sends the body again.
}

// appendReasons appends the reasons that there are as an object.
func appendReasons(b []byte, r *intake.DroppedReasons) []byte {
	separator := byte('{')
	for _, reason := range []struct {
		name  string
		count uint64
	}{{"invalid", r.Invalid}, {"too_old", r.TooOld}, {"in_future", r.InFuture}} {
		if reason.count == 0 {
			continue
		}
		b = append(append(b, separator, '"'), reason.name...)
		b = strconv.AppendUint(append(b, '"', ':'), reason.count, 10)
		separator = ','
	}
	return append(b, '}')
}
