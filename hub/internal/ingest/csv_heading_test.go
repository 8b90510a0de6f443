package ingest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

const tableNoon = 1795435200000 // 2026-11-23 12:00:00 UTC

// Files whose columns have the names of the table api_metrics, in any order, with others
// between them.
func TestCSVWithHeading(t *testing.T) {
	for name, test := range map[string]struct {
		input string
		want  []request
	}{
		"a plain table": {"id,endpoint,method,response_time_ms,status_code,timestamp,user_id\n" +
			"1,/orders/17,GET,12.5,200,2026-11-23 12:00:00.125999,ann\n\n" +
			"2,\"/a,b\",post,0,503,2026-11-23T12:00:01Z,\"\"\n",
			[]request{
				{endpoint: "/orders/17", method: "GET", user: "ann", start: tableNoon + 125, status: 200, duration: 12_500 * time.Microsecond, line: 2},
				{endpoint: "/a,b", method: "post", start: tableNoon + 1000, status: 503, line: 4},
			}},
		"zones, and a service": {"\uFEFF\"Created_At\",\"service\",\"endpoint\",\"status_code\",\"method\",\"response_time_ms\",\"region\"\r\n" +
			"\"2026-11-23 12:00:00+00\",\"shop\",\"/x\",\"404\",\"GET\",\"7\",\"eu\"\r\n" +
			"2026-11-23 13:30:00.5+01:30,,/x,404,GET,7,eu\r\n" +
			"2026-11-23 11:00:00-0100,,/x,404,GET,7,\r\n",
			[]request{
				{service: "shop", endpoint: "/x", method: "GET", start: tableNoon, status: 404, duration: 7e6, line: 2},
				{endpoint: "/x", method: "GET", start: tableNoon + 500, status: 404, duration: 7e6, line: 3},
				{endpoint: "/x", method: "GET", start: tableNoon, status: 404, duration: 7e6, line: 4},
			}},
	} {
		got, err := drain(CSV(strings.NewReader(test.input)))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s:\n%v, %v; want\n%v", name, got, err, test.want)
		}
	}
}

// A dump of Kymo's own table is read with all that it knows of a request.
func TestCSVOfKymosTable(t *testing.T) {
	r, got := CSV(strings.NewReader("metric_id,endpoint,method,response_time_ms,status_code,user_id,created_at,duration_ns,first_byte_ns,lifetime_ns,response_bytes,instance_id,service,version,error,trace_id\n"+
		"x,/{id},GET,2,200,,2026-11-23 12:00:00,1500001,1000000,3000000,42,1,shop,1.4.2,KeyError,4bf92f35-77b3-4da6-a3ce-929d0e0e4736\n")), Request{}
	if err := r.Next(&got); err != nil {
		t.Fatal(err)
	}
	want := Request{Service: []byte("shop"), Endpoint: []byte("/{id}"), Method: []byte("GET"), Start: tableNoon, Status: 200,
		Duration: 1500001, FirstByte: 1e6, Lifetime: 3e6, Size: 42, Line: 2, Version: []byte("1.4.2"), Error: []byte("KeyError")}
	want.Trace, _ = wire.ParseTraceID([]byte("4bf92f3577b34da6a3ce929d0e0e4736"))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

// So is an export, whose durations are in milliseconds.
func TestCSVOfAnExport(t *testing.T) {
	r, got := CSV(strings.NewReader("created_at,service,endpoint,method,status_code,response_time_ms,first_byte_ms,lifetime_ms,response_bytes,user_id,instance,version,error,trace_id\n"+
		"2026-11-23T12:00:00.125Z,shop,/{id},GET,200,1.500001,1,3000,42,ann,web-1,,,\n")), Request{}
	if err := r.Next(&got); err != nil {
		t.Fatal(err)
	}
	want := Request{Service: []byte("shop"), Endpoint: []byte("/{id}"), Method: []byte("GET"), User: []byte("ann"), Start: tableNoon + 125, Status: 200,
		Duration: 1500001, FirstByte: 1e6, Lifetime: 3e9, Size: 42, Line: 2, Instance: []byte("web-1")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

func TestCSVHeadingErrors(t *testing.T) {
	const heading = "endpoint,method,response_time_ms,status_code,timestamp\n"
	for input, want := range map[string]string{
		"endpoint,status_code,response_time_ms,timestamp\n":                                     "line 1: method: is missing; the heading has no column of that name",
		"endpoint,status_code,method,timestamp\n":                                               "line 1: response_time_ms: is missing",
		"endpoint,status_code,method,duration_ns\n":                                             "line 1: timestamp: is missing",
		heading + "/a,GET,1,200":                                                                "line 2: has 4 fields, where the heading has 5; ",
		heading + "/a,GET,1,200,\"2026":                                                         "line 2: timestamp: has no closing quote",
		heading + ",GET,1,200,2026-11-23 12:00:00":                                              "line 2: endpoint: is empty; it is required",
		heading + "/a,,1,200,2026-11-23 12:00:00":                                               "line 2: method: is empty; ",
		heading + "/a,GET,,200,2026-11-23 12:00:00":                                             `line 2: response_time_ms: is ""; must be milliseconds from 0 to 2147483647`,
		heading + "/a,GET,-1,200,2026-11-23 12:00:00":                                           `line 2: response_time_ms: is "-1"; `,
		heading + "/a,GET,1,9,2026-11-23 12:00:00":                                              `line 2: status_code: is "9"; must be a number from 100 to 999`,
		heading + "/a,GET,1,200,":                                                               "line 2: timestamp: is empty; ",
		heading + "/a,GET,1,200,yesterday":                                                      `line 2: timestamp: is "yesterday"; must be a time such as 2026-11-23 10:15:30.123`,
		heading + "/a,GET,1,200,1969-11-23 12:00:00":                                            "line 2: timestamp: must lie between the years 1970 and 9999",
		"endpoint,method,status_code,timestamp,duration_ns\n/a,GET,200,2026-11-23 12:00:00,1.5": `line 2: duration_ns: is "1.5"; must be nanoseconds`,
		"endpoint,method,status_code,timestamp,duration_ns,response_bytes\n/a,GET,200,2026-11-23 12:00:00,1,all": `line 2: response_bytes: is "all"; must be a number of bytes`,
	} {
		_, err := drain(CSV(strings.NewReader(input)))
		var e *wire.FieldError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", input, err, want)
		}
	}
}
