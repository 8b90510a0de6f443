package e2e

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// A wrong request is answered with a problem document that names the field, and nothing
// of it is kept.
func TestBadQuery(t *testing.T) {
	h := startHub(t, t.TempDir())
	for _, path := range []string{"/metrics/performance", "/metrics/endpoints"} {
		for query, location := range map[string]string{
			"hours=0":                        "query.hours",
			"hours=169":                      "query.hours",
			"hours=-1":                       "query.hours",
			"hours=abc":                      "query.hours",
			"hours=1.5":                      "query.hours",
			"hours=":                         "query.hours",
			"hours=1&hours=2":                "query.hours",
			"hours=99999999999999999999":     "query.hours",
			"hour=1":                         "query.hour",
			"method=EXTRAORDINARY":           "query.method",
			"service=" + many("x", 101):      "query.service",
			"endpoint=/" + many("x", 255):    "query.endpoint",
			"hours=24&endpoint=%zz&method=X": "query",
		} {
			resp, err := client.Get(h.url + path + "?" + query)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			a := answer{resp.StatusCode, resp.Header, body}
			a.checkProblem(t, path+"?"+query, http.StatusUnprocessableEntity, location)
		}
	}
}

func many(s string, n int) string { return strings.Repeat(s, n) }

// checkProblem checks that the answer is of that status and names that location.
func (a *answer) checkProblem(t *testing.T, what string, status int, location string) {
	t.Helper()
	p, err := a.problem()
	if err != nil || a.status != status || len(p.Errors) != 1 || p.Errors[0].Location != location || p.Errors[0].Message == "" {
		t.Errorf("%s: %d %+v, %v; want %d about %s", what, a.status, p, err, status, location)
	}
}

// The paths of the two routes that take requests, and the headers of their bodies.
const (
	requestsPath = "/api/v1/requests"
	batchesPath  = "/api/v1/batches"
)

var (
	asJSON  = []string{"Content-Type", "application/json"}
	asLines = []string{"Content-Type", "application/x-ndjson"}
	asBatch = []string{"Content-Type", wire.ContentType}
)

// badBody is a body that must be refused.
type badBody struct {
	name, path string
	header     []string
	body       io.Reader
	status     int
	location   string // what the problem is about
}

// mustRefuse sends the bodies, of which nothing may be kept. The hub must still accept
// valid bodies afterwards.
func (h *hub) mustRefuse(t *testing.T, bodies []badBody) {
	good := makeEvents(random(t), "good", 3, time.Now())
	h.mustPost(requestsPath, encodeArray(good), len(good), asJSON...)
	before := h.report(168, nil)
	for _, b := range bodies {
		t.Run(b.name, func(t *testing.T) {
			a, err := h.post(b.path, b.body, b.header...)
			if err != nil {
				t.Fatal(err)
			}
			a.checkProblem(t, b.name, b.status, b.location)
			got := h.report(168, nil)
			if got.TotalRequests != before.TotalRequests || got.Trust != before.Trust || got.Avg != before.Avg {
				t.Errorf("before: %+v\nafter: %+v", before, got)
			}
		})
	}
	h.mustPost(batchesPath, encodeBatch(good, "sender", 1), len(good), asBatch...)
	if got := h.report(168, nil); got.TotalRequests != 2*len(good) {
		t.Errorf("%d requests, want %d", got.TotalRequests, 2*len(good))
	}
}

// goodMetric is a valid metric, from which the bad ones are made.
const goodMetric = `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200}`

func TestBadMetric(t *testing.T) {
	with := func(old, replacement string) string {
		if !strings.Contains(goodMetric, old) {
			t.Fatalf("%s is not in %s", old, goodMetric)
		}
		return strings.Replace(goodMetric, old, replacement, 1)
	}
	startHub(t, t.TempDir()).mustRefuse(t, []badBody{
		{"negative duration", requestsPath, asJSON, strings.NewReader(with(`1,`, `-1,`)), 422, "body[0].response_time_ms"},
		{"duration of a month", requestsPath, asJSON, strings.NewReader(with(`1,`, `2678400000,`)), 422, "body[0].response_time_ms"},
		{"duration as text", requestsPath, asJSON, strings.NewReader(with(`1,`, `"1s",`)), 422, "body[0].response_time_ms"},
		{"status 9999", requestsPath, asJSON, strings.NewReader(with(`200`, `9999`)), 422, "body[0].status_code"},
		{"status 200.5", requestsPath, asJSON, strings.NewReader(with(`200`, `200.5`)), 422, "body[0].status_code"},
		{"no endpoint", requestsPath, asJSON, strings.NewReader(with(`"endpoint":"/a",`, ``)), 422, "body[0].endpoint"},
		{"no method", requestsPath, asJSON, strings.NewReader(with(`"method":"GET",`, ``)), 422, "body[0].method"},
		{"no duration", requestsPath, asJSON, strings.NewReader(with(`"response_time_ms":1,`, ``)), 422, "body[0].response_time_ms"},
		{"no status", requestsPath, asJSON, strings.NewReader(with(`,"status_code":200`, ``)), 422, "body[0].status_code"},
		{"misspelt field", requestsPath, asJSON, strings.NewReader(with(`status_code`, `statuscode`)), 422, "body[0].status_code"},
		{"timestamp of a word", requestsPath, asJSON, strings.NewReader(with(`}`, `,"timestamp":"yesterday"}`)), 422, "body[0].timestamp"},
		{"timestamp of no month", requestsPath, asJSON, strings.NewReader(with(`}`, `,"timestamp":"2026-13-01T00:00:00Z"}`)), 422, "body[0].timestamp"},
		{"long service", requestsPath, asJSON, strings.NewReader(with(`}`, `,"service":"`+many("x", 101)+`"}`)), 422, "body[0].service"},
		{"user of two", requestsPath, asJSON, strings.NewReader(with(`}`, `,"user_id":["x","y"]}`)), 422, "body[0].user_id"},
		{"the third of an array", requestsPath, asJSON, strings.NewReader("[" + goodMetric + "," + goodMetric + "," + with("200", "99") + "]"), 422, "body[2].status_code"},
		{"the third line", requestsPath, asLines, strings.NewReader(goodMetric + "\n" + goodMetric + "\n" + with("200", "99") + "\n"), 422, "body[2].status_code"},
		{"truncated in a name", requestsPath, asJSON, strings.NewReader(goodMetric[:20]), 422, "body[0]"},
		{"truncated in a number", requestsPath, asJSON, strings.NewReader(goodMetric[:len(goodMetric)-2]), 422, "body[0].status_code"},
		{"truncated before the brace", requestsPath, asJSON, strings.NewReader(goodMetric[:50]), 422, "body[0]"},
		{"truncated array", requestsPath, asJSON, strings.NewReader("[" + goodMetric + ","), 422, "body[1]"},
	})
}

// Requests at times that the hub does not accept are left out of a body in any format, and
// counted by their reason. What is too old is not missing from the report.
func TestWrongTimesAreLeftOut(t *testing.T) {
	h := startHub(t, t.TempDir())
	events := makeEvents(random(t), "late", 6, time.Now())
	for i, age := range []time.Duration{169 * time.Hour, time.Minute, 1000 * time.Hour, 200 * time.Hour, -48 * time.Hour, 2 * time.Minute} {
		events[i].start = time.Now().Add(-age).UnixMilli()
	}
	for i, c := range []struct {
		path   string
		body   []byte
		header []string
	}{
		{requestsPath, encodeArray(events), asJSON},
		{batchesPath, encodeBatch(events, "sender", 1), asBatch},
	} {
		a, err := h.post(c.path, bytes.NewReader(c.body), c.header...)
		if err != nil {
			t.Fatal(err)
		}
		const want = `{"accepted":2,"duplicate":false,"dropped":4,"dropped_reasons":{"too_old":3,"in_future":1}}`
		if got := strings.TrimSpace(string(a.body)); a.status != http.StatusAccepted || got != want {
			t.Errorf("%s: %d %s, want %s", c.path, a.status, got, want)
		}
		var p struct {
			Trust struct {
				Samples, Dropped int
				DroppedReasons   map[string]int `json:"dropped_reasons"`
				TooOld           int            `json:"too_old"`
			}
		}
		n := i + 1
		// The losses count at their arrival, which may be in the millisecond in which a window ends.
		eventually(t, time.Minute, "the report counts what is too old", func() bool {
			h.get("/metrics/performance?hours=1", &p)
			return p.Trust.TooOld == 3*n
		})
		if p.Trust.Samples != 2*n || p.Trust.Dropped != n || p.Trust.DroppedReasons["in_future"] != n || len(p.Trust.DroppedReasons) != 1 {
			t.Errorf("%s: trust is %+v", c.path, p.Trust)
		}
	}
}

func TestBadBody(t *testing.T) {
	batch := encodeBatch(makeEvents(random(t), "good", 3, time.Now()), "sender", 1)
	startHub(t, t.TempDir()).mustRefuse(t, []badBody{
		{"empty", requestsPath, asJSON, strings.NewReader(""), 422, "body"},
		{"no object", requestsPath, asJSON, strings.NewReader("17"), 422, "body"},
		{"not JSON's type", requestsPath, []string{"Content-Type", "text/xml"}, strings.NewReader("<a/>"), 415, "header.Content-Type"},
		{"unknown coding", requestsPath, append(asJSON, "Content-Encoding", "br"), strings.NewReader(goodMetric), 415, "header.Content-Encoding"},
		{"long key", requestsPath, append(asJSON, "Idempotency-Key", many("k", 256)), strings.NewReader(goodMetric), 422, "header.Idempotency-Key"},
		{"not gzip", requestsPath, append(asJSON, "Content-Encoding", "gzip"), strings.NewReader(goodMetric), 422, "body"},
		{"not zstd", requestsPath, append(asJSON, "Content-Encoding", "zstd"), strings.NewReader(goodMetric), 422, "body"},
		{"not a batch", batchesPath, asBatch, strings.NewReader(goodMetric), 422, "body"},
		{"truncated batch", batchesPath, asBatch, bytes.NewReader(batch[:len(batch)-1]), 422, "body"},
		{"longer batch", batchesPath, asBatch, bytes.NewReader(append(bytes.Clone(batch), 0)), 422, "body"},
		{"JSON as a batch", batchesPath, asJSON, strings.NewReader(goodMetric), 415, "header.Content-Type"},
	})
}
