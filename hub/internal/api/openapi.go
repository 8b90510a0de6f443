package api

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// meanings are the words that the routes below use. They are part of the
// document, because a number without them means nothing.
const meanings = `Kymo records every request of your services and answers how fast and how well they were served.

**endpoint**: the matched route template, such as /users/{id}. A raw path that arrives from outside is templated: a segment that is a number, a UUID, hex of 8 and more, a date or an e-mail address becomes {id}, as does every segment at a place that has seen more than 64 different ones. A request that matched no route is (unmatched). The number of distinct endpoints per service is capped; what is over goes to (other) and is counted.

**duration**: from entering the middleware to the handler's return. Time to first byte is kept beside it. A stream or an upgraded connection (101, text/event-stream) counts by its first byte, its lifetime apart. In answers, milliseconds.

**error**: status 5xx or a panic. **client error**: 4xx. A client that went away is 499, in neither rate. Rates are shares from 0 to 1.

**percentiles**: from a mergeable base-2 exponential histogram (OpenTelemetry scale 6 = Prometheus schema 6), so over any services, instances and hours the value is within 0.55 % of the exact nearest-rank percentile. Never an average of percentiles.

**slow**: an endpoint whose 95th percentile over the window exceeds its target (500 ms unless configured, also per route) with at least the minimum sample (20 unless configured); slow_reason says which rule spoke and with what numbers.

**health**: a check is healthy, degraded or down, by at least two runs in a row unless configured, and unknown if nobody has looked. A check that goes back and forth is flapping, and degraded at least. Hub and checks are apart: trouble of the hub changes no status.

**window**: half-open, [now − hours, now), UTC.

Nothing is sampled. What could not be kept is counted and shown with the numbers it affects.

**Errors** are problem details (RFC 9457, application/problem+json); errors[].location names the field. 503 says when to come back (Retry-After); sending the same again is always safe for batches, and for JSON with an Idempotency-Key.

**Tokens**: a hub can be configured to ask for one on the routes that take data (ingest) and for one on those that give data (read), as Authorization: Bearer <token>. For browsers, /api/v1/session gives a cookie for the latter.`

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
				{Name: tagReports, Description: "How fast and how well requests were answered."},
				{Name: tagHealth, Description: "What is up, degraded or down, and how it has been."},
				{Name: tagIngest, Description: "Requests, from services and from elsewhere."},
				{Name: tagHub, Description: "Metrics and documentation of the hub."},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					forIngest: scheme("take"), forRead: scheme("give"),
					forSession: {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "What /api/v1/session gives for the read token; for browsers."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
}

// whyStatus describes the problems that routes answer with.
var whyStatus = map[int]string{
	http.StatusNotFound:              "There is no such check.",
	http.StatusUnauthorized:          "The token is missing or wrong. Nothing was kept.",
	http.StatusTooManyRequests:       "Too many wrong tokens came from this address. Retry-After says when to try again.",
	http.StatusRequestTimeout:        "The body did not arrive complete and in time.",
	http.StatusRequestEntityTooLarge: "The body has more than 8 MiB as sent, is too large after decompression (32 MiB of JSON, 8 MiB for a batch), or more than 100 times as large as sent.",
	http.StatusUnsupportedMediaType:  "Content-Type or Content-Encoding is not one of those accepted, which the headers Accept and Accept-Encoding of the answer list.",
	http.StatusUnprocessableEntity:   "A field is wrong; errors[].location names it. Nothing was kept.",
	http.StatusInternalServerError:   "The store failed in a way that trying again may not mend.",
	http.StatusServiceUnavailable:    "The store is full or unavailable, the hub is busy, or it is shutting down. Retry-After says when to try again.",
}

// complete adds to a route what all routes of its kind have.
func (a *API) complete(op *huma.Operation) {
	if op.Responses == nil {
		op.Responses = make(map[string]*huma.Response)
	}
	if scheme := need(op); scheme != "" {
		op.Errors = append(op.Errors, http.StatusUnauthorized)
		if _, ok := a.live.Load().tokens[scheme]; !ok {
			op.Security = append([]map[string][]string{{}}, op.Security...)
		}
	}
	for _, status := range op.Errors {
		op.Responses[strconv.Itoa(status)] = a.problemResponse(status)
	}
	op.Errors = nil // Or huma would replace the descriptions.
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

// needs returns what makes a route ask for a token.
func needs(scheme string) []map[string][]string {
	security := []map[string][]string{{scheme: {}}}
	if scheme == forRead {
		security = append(security, map[string][]string{forSession: {}})
	}
	return security
}
