package ingest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

func TestHeartbeat(t *testing.T) {
	database := CheckStatus{Name: "database", Status: health.Down, Critical: true, Latency: 2500 * time.Microsecond, Timed: true, Reason: "refused", Details: `{"connections":4}`}
	for name, c := range map[string]struct {
		body   string
		want   Heartbeat
		status health.Status
	}{
		"all": {`{"service": "orders", "instance": "web-1", "version": 1.10, "leaving": true, "host": {"a": 1}, "checks": [
			{"service": "database", "status": "down", "response_time_ms": 2.5, "details": {"connections": 4}, "critical": true, "reason": "refused", "since": null},
			{"service": "redis", "status": "Healthy", "response_time_ms": "3", "details": {}}]}`,
			Heartbeat{"orders", "web-1", "1.10", []CheckStatus{database, {Name: "redis", Latency: 3e6, Timed: true, Status: health.Healthy, Details: "{}"}}, true}, health.Down},
		"least":   {`{"service":"orders"}`, Heartbeat{Service: "orders", Instance: "orders"}, health.Healthy},
		"nulls":   {`{"service":"orders","instance":null,"version":null,"checks":null,"leaving":null}`, Heartbeat{Service: "orders", Instance: "orders"}, health.Healthy},
		"no list": {`{"service":"orders","checks":[]}`, Heartbeat{Service: "orders", Instance: "orders"}, health.Healthy},
		"by name": {`{"service":"orders","checks":{"b":{"status":"degraded","details":null,"response_time_ms":null},"a":{"service":"x","status":"healthy"}}}`,
			Heartbeat{Service: "orders", Instance: "orders", Checks: []CheckStatus{{Name: "a", Status: health.Healthy}, {Name: "b", Status: health.Degraded}}}, health.Degraded},
		"not critical": {`{"service":"orders","checks":[{"service":"a","status":"down"},{"service":"b","status":"healthy"}]}`,
			Heartbeat{Service: "orders", Instance: "orders", Checks: []CheckStatus{{Name: "a", Status: health.Down}, {Name: "b", Status: health.Healthy}}}, health.Degraded},
	} {
		got, err := ReadHeartbeat([]byte(c.body))
		if err != nil || !reflect.DeepEqual(*got, c.want) || got.Status() != c.status {
			t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, c.want, c.status)
		}
	}
}

// Every bad heartbeat, with the place and the remedy that its error must have.
func TestHeartbeatErrors(t *testing.T) {
	check := func(fields string) string { return `{"service":"orders","checks":[{` + fields + `}]}` }
	for body, want := range map[string]string{
		"":                                    "body: unexpected end of JSON input",
		"[]":                                  "body: must be an object",
		`"orders"`:                            "body: must be an object",
		`{"service":`:                         "body: unexpected end of JSON input",
		`{}`:                                  "service: is missing",
		`{"service":null}`:                    "service: is missing",
		`{"service":["a"]}`:                   "service: must be a string, a number or null, not an array",
		`{"service":"a","leaving":"yes"}`:     "leaving: must be a boolean, not a string",
		`{"service":"a\u202e"}`:               "service: contains U+202E",
		`{"service":"a","checks":1}`:          "checks: must be an array of checks, or an object of them by name",
		`{"service":"a","checks":[1]}`:        "checks[0]: must be an object",
		`{"service":"a","checks":{"x":7}}`:    "checks.x: must be an object",
		check(`"status":"down"`):              "checks[0].service: is missing",
		check(`"service":"db"`):               `checks[0].status: is ""; must be healthy, degraded or down`,
		check(`"service":"db","status":"ok"`): `checks[0].status: is "ok"; must be healthy`,
		check(`"service":"db","status":true`): "checks[0].status: must be a string",
		check(`"service":"db","status":"unknown"`):                                     "checks[0].status: is",
		check(`"service":"db","status":"down","response_time_ms":-1`):                  "checks[0].response_time_ms: must be from 0",
		check(`"service":"db","status":"down","response_time_ms":"1s"`):                `checks[0].response_time_ms: is "1s"; must be a number`,
		check(`"service":"db","status":"down","details":[1]`):                          "checks[0].details: must be an object or null",
		check(`"service":"db","status":"down","critical":1`):                           "checks[0].critical: must be a boolean, not a number",
		check(`"service":"` + strings.Repeat("x", 95) + `","status":"down"`):           "checks[0].service: makes a name of 102 bytes with the service; at most 100",
		check(`"service":"db","status":"down"},{"service":"db","status":"healthy"`):    `checks[1].service: "db" appears twice`,
		`{"service":"a","checks":[` + strings.Repeat(`{},`, wire.MaxHealth-2) + `{}]}`: "checks[0].service",
		`{"service":"a","checks":[` + strings.Repeat(`{},`, wire.MaxHealth-1) + `{}]}`: "checks: has 1024 checks; at most 1023",
		`{"service":"a","instance":"` + strings.Repeat("i", wire.MaxInstance) + `"}`:   "instance: must be at most 112 bytes",
	} {
		_, err := ReadHeartbeat([]byte(body))
		var e *wire.FieldError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.100s: %v; want %s", body, err, want)
		}
	}
	odd, err := ReadHeartbeat([]byte(check("\"service\":\"db\",\"status\":\"down\",\"reason\":\"a\xe9\",\"details\":{\"a\":\"\xe9\u202e\"}")))
	if err != nil || odd.Checks[0].Details != "{\"a\":\"\uFFFD\uFFFD\"}" || odd.Checks[0].Reason != "a\uFFFD" {
		t.Errorf("%+v, %v", odd, err)
	}
	long, err := ReadHeartbeat([]byte(check(fmt.Sprintf(`"service":"db","status":"down","details":{"a":%q}`, strings.Repeat("x", wire.MaxDetails)))))
	if err != nil || long.Checks[0].Details != `{"error":"the details are too long"}` {
		t.Errorf("%+v, %v", long, err)
	}
}
