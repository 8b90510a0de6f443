package api

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// meanings defines the terms that the routes use. It is part of the document, because
// the numbers cannot be understood without it.
const meanings = `Kymo records every request of your services, and reports how fast and how well they were served.

**endpoint**: the matched route template, such as /users/{id}. A raw path is made into a template: a segment that is a number, a UUID, hex of 8 digits or more, a date or an e-mail address becomes {id}, and so does every segment in a position with more than 64 different ones. A request that matched no route is (unmatched). The number of distinct endpoints of each service is capped; requests of those over the cap are counted under (other).

**duration**: from entering the middleware to the handler's return. Time to first byte is kept as well. A stream or an upgraded connection (101, text/event-stream) counts by its first byte; its lifetime is kept apart. In answers, milliseconds.

**error**: status 5xx or a panic. **client error**: 4xx. A client that went away is 499, which counts in neither rate. Rates are shares from 0 to 1.

**percentiles**: from a mergeable base-2 exponential histogram (OpenTelemetry scale 6 = Prometheus schema 6), so the value for any services, instances and hours is within 0.55 % of the exact nearest-rank percentile. Percentiles are never averaged.

**slow**: an endpoint whose 95th percentile over the window exceeds its target (500 ms unless configured, also per route) with at least the minimum sample (20 unless configured); slow_reason gives the rule and its numbers.

**health**: a check is healthy, degraded or down, after two runs in a row with that result unless configured, and unknown before its first run. A check whose status changes back and forth is flapping, and at least degraded. Trouble of the hub itself changes no status.

**window**: half-open, [now − hours, now), UTC.

Nothing is sampled. Requests that could not be kept are counted, and shown with the numbers they are missing from.

**Errors** are problem details (RFC 9457, application/problem+json); errors[].location names the field. 503 has a Retry-After. Sending the same again is always safe for batches, and for JSON with an Idempotency-Key.

**Compression**: answers of 1 KiB and more are sent in zstd or gzip, as Accept-Encoding asks. An ETag holds for all codings.

**Tokens**: a hub can be configured to need one token on the routes that take data (ingest), another on those that return data (read), and a third on those that change what the hub does (admin), which is good for reading, too, as Authorization: Bearer <token>. Without any token, the latter are for callers on the hub's own machine. Of wrong tokens from one address, ten in a minute are answered with 401, more with 429. For browsers, /api/v1/session exchanges the read token or the admin token for a cookie.

**Host names**: every route answers 421 to a request whose Host is neither localhost, nor an IP address, nor one of the names in the hub's configuration (hosts). A hub with both tokens and without such a list answers to every name.`

// Tags of the routes.
const (
	tagReports = "Reports"
	tagHealth  = "Health"
	tagIngest  = "Ingest"
	tagHub     = "The hub itself"
)

// describe returns the document without its routes.
func (a *API) describe() huma.Config {
	scheme := func(routes string) *huma.SecurityScheme {
		return &huma.SecurityScheme{Type: "http", Scheme: "bearer", Description: "The token for the routes that " + routes + " data, if the hub is configured with one."}
	}
	return huma.Config{
		Transformers: []huma.Transformer{nameField},
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Kymo", Version: a.Version, Description: meanings},
			Tags: []*huma.Tag{
				{Name: tagReports, Description: "Latency and errors of requests."},
				{Name: tagHealth, Description: "The status of checks and services, now and in the past."},
				{Name: tagIngest, Description: "Where services and other programs send requests."},
				{Name: tagHub, Description: "Metrics and documentation of the hub."},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					forIngest: scheme("take"), forRead: scheme("return"),
					forAdmin:   {Type: "http", Scheme: "bearer", Description: "The token for the routes that change what the hub does. It replaces the read token."},
					forSession: {Type: "apiKey", In: "cookie", Name: sessionCookie + "_5966", Description: "The cookie that /api/v1/session returns for the read token or the admin token; for browsers. Its name has the port of the hub's address, or none if that is the scheme's default."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

// whyStatus describes the errors of routes by their status.
var whyStatus = map[int]string{
	http.StatusForbidden:             "The hub has no admin token, and takes this from no one or from its own machine only.",
	http.StatusConflict:              "Another check has the name, or the check was not added over the API. Nothing was changed.",
	http.StatusNotFound:              "There is no such check or service.",
	http.StatusUnauthorized:          "The token is missing or wrong. Nothing was kept.",
	http.StatusTooManyRequests:       "Too many wrong tokens came from this address, or a check was run on demand a moment ago. Try again after Retry-After.",
	http.StatusRequestTimeout:        "The body did not arrive in time.",
	http.StatusRequestEntityTooLarge: "The body is larger than 8 MiB as sent, too large after decompression (over 32 MiB of JSON, or 8 MiB for a batch), or more than 100 times as large as it was sent.",
	http.StatusUnsupportedMediaType:  "Content-Type or Content-Encoding is not supported; the answer's headers Accept and Accept-Encoding list those that are.",
	http.StatusUnprocessableEntity:   "A field is invalid; errors[].location names it. Nothing was kept.",
	http.StatusInternalServerError:   "The store failed, and trying again may not help.",
	http.StatusNotImplemented:        "The hub keeps its data in a database server, which has tools of its own for this, or it is embedded in a program, which configures its checks.",
	http.StatusServiceUnavailable:    "The store is full or unavailable, the hub is busy, or it is shutting down. Try again after Retry-After.",
}

// complete adds the responses and headers that all routes of its kind have.
func (a *API) complete(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	if need(op) != "" {
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusTooManyRequests)
	}
	if need(op) == forAdmin {
		op.Errors = append(op.Errors, http.StatusForbidden)
	}
	for _, status := range op.Errors {
		op.Responses[strconv.Itoa(status)] = a.problemResponse(status)
	}
	op.Errors = nil // Otherwise huma would replace the descriptions.
}

func (a *API) problemResponse(status int) *huma.Response {
	r := &huma.Response{
		Description: whyStatus[status],
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: a.schema(reflect.TypeFor[huma.ErrorModel]()),
		}},
	}
	header := func(name, doc string) {
		r.Headers = map[string]*huma.Header{name: {Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	switch status {
	case http.StatusUnauthorized:
		header("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header("Retry-After", "Seconds to wait before trying again.")
	}
	return r
}

func (a *API) schema(t reflect.Type) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// needs returns the security of a route that needs a token.
func needs(scheme string) []map[string][]string {
	security := []map[string][]string{{scheme: {}}}
	if scheme != forIngest {
		security = append(security, map[string][]string{forSession: {}})
	}
	return security
}
