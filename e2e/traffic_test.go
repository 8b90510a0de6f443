package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// random returns a source of randomness whose seed is logged. KYMO_E2E_SEED
// repeats what a seed decides; the timing of processes is not part of that.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("KYMO_E2E_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("KYMO_E2E_SEED: %v", err)
		}
	}
	t.Logf("KYMO_E2E_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// routes are what events are of, with the median of their durations in
// milliseconds and the spread of its logarithm.
var routes = []struct {
	endpoint, method string
	median, sigma    float64
}{
	{"/", "GET", 0.8, 0.3},
	{"/orders", "GET", 12, 0.6},
	{"/orders", "POST", 45, 0.9},
	{"/orders/{id}", "GET", 4, 0.5},
	{"/orders/{id}", "DELETE", 9, 1.1},
	{"/orders/{id}/items/{id}", "PUT", 20, 0.8},
	{"/api/v1/resource7/{id}/items", "GET", 60, 1.3},
	{"/reports/daily", "GET", 900, 1.5},
	{"(unmatched)", "GET", 0.1, 0.2},
}

// statuses are mostly fine; of a client that went away, 499 is no error at all.
var statuses = []int{200, 200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 499, 500, 503}

// oldest is the age of the oldest events: what is sent a few minutes later must
// still be within the 168 h that a hub keeps.
const oldest = 168*time.Hour - 10*time.Minute

// makeEvents makes n events of a service that started until now: half of them
// spread over 168 h, the others close to where a window begins or ends.
func makeEvents(r *rand.Rand, service string, n int, now time.Time) []event {
	edges := []time.Duration{0, time.Hour, 6 * time.Hour, 24 * time.Hour, oldest}
	events := make([]event, n)
	for i := range events {
		age := time.Duration(r.Int64N(int64(oldest)))
		if i%2 == 0 {
			age = min(max(edges[r.IntN(len(edges))]+time.Duration(r.Int64N(int64(2*time.Minute)))-time.Minute, 0), oldest)
		}
		route := &routes[r.IntN(len(routes))]
		ms := route.median * math.Exp(route.sigma*r.NormFloat64())
		e := event{
			series:   series{service, route.endpoint, route.method},
			status:   statuses[r.IntN(len(statuses))],
			start:    now.Add(-age).UnixMilli(),
			duration: int64(min(ms*1e6, float64(10*time.Minute))),
		}
		if r.IntN(500) == 0 {
			e.duration = 0
		}
		if r.IntN(3) > 0 {
			e.user = fmt.Sprintf("user-%d", r.IntN(300))
		}
		events[i] = e
	}
	return events
}

// encodeBatch returns the events as the SDK would send them.
func encodeBatch(events []event, instance string, sequence uint64) []byte {
	b := wire.NewBuilder()
	for i := range events {
		e := &events[i]
		b.Add(&wire.Request{
			Key:  wire.Key{Service: e.service, Endpoint: e.endpoint, Method: e.method, Status: e.status},
			User: e.user, Start: e.start,
			Duration: time.Duration(e.duration), FirstByte: time.Duration(e.duration / 2), Size: 100,
		})
	}
	return b.Batch(instance, sequence).AppendBinary(nil)
}

// rawPath returns a path that leads to the endpoint. Outside of Kymo,
// templates are unknown.
func rawPath(endpoint string, i int) string {
	return strings.ReplaceAll(endpoint, "{id}", strconv.Itoa(i))
}

// encodeMetric appends the event as a PerformanceMetric. A duration's decimals
// are nanoseconds.
func encodeMetric(dst []byte, e *event, i int) []byte {
	metric := map[string]any{
		"service": e.service, "endpoint": rawPath(e.endpoint, i), "method": strings.ToLower(e.method),
		"status_code": e.status, "timestamp": time.UnixMilli(e.start).UTC().Format(time.RFC3339Nano),
		"response_time_ms": json.RawMessage(fmt.Sprintf("%d.%06d", e.duration/1e6, e.duration%1e6)),
	}
	if e.user != "" {
		metric["user_id"] = e.user
	}
	text, err := json.Marshal(metric)
	if err != nil {
		panic(err) // It holds nothing that JSON cannot say.
	}
	return append(dst, text...)
}

// encodeArray returns the events as a JSON array.
func encodeArray(events []event) []byte {
	body := []byte{'['}
	for i := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = encodeMetric(body, &events[i], i)
	}
	return append(body, ']')
}

// encodeLines returns the events as NDJSON.
func encodeLines(events []event) []byte {
	var body []byte
	for i := range events {
		body = append(encodeMetric(body, &events[i], i), '\n')
	}
	return body
}

// encodeCSV returns the events as kymo import reads them. The service is not in it.
func encodeCSV(events []event) []byte {
	var b bytes.Buffer
	for i := range events {
		e := &events[i]
		fmt.Fprintf(&b, "%d,%s,%s,%d,%d,%s\n", e.start, e.endpoint, e.method, e.duration, e.status, e.user)
	}
	return b.Bytes()
}

// split returns a source of its own for another goroutine.
func split(r *rand.Rand) *rand.Rand { return rand.New(rand.NewPCG(r.Uint64(), r.Uint64())) }
