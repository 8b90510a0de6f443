package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// drain reads to the end or an error, and returns the requests.
func drain(r Reader) (all []request, err error) {
	var got Request
	for {
		if err := r.Next(&got); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return all, err
		}
		all = append(all, requestOf(&got))
	}
}

// request is a copy of a Request, which the reader does not change.
type request struct {
	service, route, endpoint, method, user, err string
	instance, version, trace                    string
	start                                       int64
	status                                      int
	duration, firstByte, lifetime               time.Duration
	size                                        int64
	line                                        int
}

func requestOf(r *Request) request {
	return request{
		service: string(r.Service), route: string(r.Route), endpoint: string(r.Endpoint), method: string(r.Method), user: string(r.User), err: string(r.Error),
		instance: string(r.Instance), version: string(r.Version), trace: r.Trace.String(),
		start: r.Start, status: r.Status, duration: r.Duration, firstByte: r.FirstByte, lifetime: r.Lifetime, size: r.Size, line: r.Line,
	}
}

// read returns the requests of a body.
func read(t *testing.T, body string) []request {
	t.Helper()
	all, err := drain(JSON([]byte(body)))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return all
}

// with is a good element with other values for some of its fields; "" leaves one off.
func with(pairs ...string) string {
	values := map[string]string{
		"endpoint": `"/users/7"`, "method": `"GET"`, "response_time_ms": `12.5`, "status_code": `200`,
	}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	var parts []string
	for _, name := range slices.Concat(fields[:], []string{"tags"}) {
		if v := values[name]; v != "" {
			parts = append(parts, fmt.Sprintf("%q: %s", name, v))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func TestJSONValues(t *testing.T) {
	plain := request{endpoint: "/users/7", method: "GET", status: 200, start: NoTime, duration: 12500 * time.Microsecond}
	for name, c := range map[string]struct {
		body string
		want func(*request)
	}{
		"plain":        {with(), func(*request) {}},
		"as written":   {with("endpoint", `"/a/{id}?b=%20"`, "method", `"brew"`), func(r *request) { r.endpoint, r.method = "/a/{id}?b=%20", "brew" }},
		"user":         {with("user_id", `"u-7"`), func(r *request) { r.user = "u-7" }},
		"null":         {with("user_id", `null`, "timestamp", `null`, "service", `null`), func(*request) {}},
		"service":      {with("service", `"orders"`), func(r *request) { r.service = "orders" }},
		"escapes":      {with("user_id", `"\"\\\/\u00e9\ud83d\ude00\ud800x"`), func(r *request) { r.user = "\"\\/é😀\uFFFDx" }},
		"two escaped":  {with("user_id", `"\u0061"`, "service", `"\u0062"`), func(r *request) { r.user, r.service = "a", "b" }},
		"escaped name": {strings.Replace(with(), "endpoint", `\u0065ndpoint`, 1), func(*request) {}},
		"timestamp": {with("timestamp", `"2026-11-23T10:15:30.1239Z"`), func(r *request) {
			r.start = noon.Add(-time.Hour*2 + 15*time.Minute + 30123*time.Millisecond).UnixMilli()
		}},
		"zone":            {with("timestamp", `"2026-11-23T13:00:00+01:00"`), func(r *request) { r.start = noon.UnixMilli() }},
		"zero":            {with("response_time_ms", `0`), func(r *request) { r.duration = 0 }},
		"minus zero":      {with("response_time_ms", `-0.0`), func(r *request) { r.duration = 0 }},
		"whole":           {with("response_time_ms", `812`), func(r *request) { r.duration = 812 * time.Millisecond }},
		"nanosecond":      {with("response_time_ms", `0.000001`), func(r *request) { r.duration = 1 }},
		"rounds up":       {with("response_time_ms", `0.0000015`), func(r *request) { r.duration = 2 }},
		"rounds down":     {with("response_time_ms", `0.00000149`), func(r *request) { r.duration = 1 }},
		"many digits":     {with("response_time_ms", `12.500000000000000000001`), func(*request) {}},
		"exponent":        {with("response_time_ms", `1.25e1`), func(*request) {}},
		"longest":         {with("response_time_ms", `2147483647`), func(r *request) { r.duration = wire.MaxDuration }},
		"integral status": {with("status_code", `2.0e2`), func(*request) {}},
		"byte order mark": {"\uFEFF " + with(), func(*request) {}},
		"numerals": {with("response_time_ms", `"8.75"`, "status_code", `"503"`), func(r *request) {
			r.duration, r.status = 8750*time.Microsecond, 503
		}},
		"user -1":        {with("user_id", `-1`), func(r *request) { r.user = "-1" }},
		"large user":     {with("user_id", `18446744073709551615`), func(r *request) { r.user = "18446744073709551615" }},
		"not UTF-8":      {with("user_id", "\"\xff\\n\""), func(r *request) { r.user = "\xff\n" }},
		"created":        {with("created_at", `"2026-11-23 12:00:00"`), func(r *request) { r.start = noon.UnixMilli() }},
		"two times":      {with("created_at", `"2026-11-22 12:00:00"`, "timestamp", `"2026-11-23 12:00:00"`), func(r *request) { r.start = noon.UnixMilli() }},
		"created, null":  {with("created_at", `null`, "metric_id", `"4a1f7c0e"`), func(*request) {}},
		"what is nested": {with("tags", `{"a":[1,{"b":null}],"c":{},"d":[],"e":[[],{}],"f":"\"","g":-1.5e3,"h":[true,false]}`), func(*request) {}},
		"route":          {with("endpoint", "", "route", `"/users/{id}"`), func(r *request) { r.endpoint, r.route = "", "/users/{id}" }},
		"all": {with("first_byte_ms", `"2.5"`, "lifetime_ms", `90`, "response_bytes", `1000`, "error", `"TimeoutError"`,
			"instance", `"web-2"`, "version", `"2.0.0-rc.1"`, "trace_id", `"4BF92F3577B34DA6A3CE929D0E0E4736"`), func(r *request) {
			r.firstByte, r.lifetime, r.size, r.err = 2500*time.Microsecond, 90*time.Millisecond, 1000, "TimeoutError"
			r.instance, r.version, r.trace = "web-2", "2.0.0-rc.1", "4bf92f3577b34da6a3ce929d0e0e4736"
		}},
		"numbers as names": {with("instance", `7`, "version", `1.10`), func(r *request) { r.instance, r.version = "7", "1.10" }},
		"no trace":         {with("trace_id", `""`), func(*request) {}},
		"a wrong trace":    {with("trace_id", `"00000000000000000000000000000000"`), func(*request) {}},
		"all null":         {with("first_byte_ms", `null`, "lifetime_ms", `null`, "response_bytes", `null`, "error", `null`, "route", `null`, "instance", `null`, "version", `null`, "trace_id", `null`), func(*request) {}},
	} {
		t.Run(name, func(t *testing.T) {
			want := plain
			c.want(&want)
			if got := read(t, c.body); len(got) != 1 || got[0] != want {
				t.Errorf("%s is\n%+v; want\n%+v", c.body, got, want)
			}
		})
	}
}

func TestJSONForms(t *testing.T) {
	one := with()
	for name, c := range map[string]struct {
		body string
		n    int
	}{
		"object": {one, 1}, "array": {"[" + one + " ,\n" + one + "]\n", 2}, "empty array": {" [ ] ", 0},
		"member": {`{"requests": [` + one + ", " + one + `], "sent_by": {"a": 1}, "n": 2}`, 2}, "empty member": {`{"requests":[]} `, 0},
		"lines": {one + "\n" + one + "\r\n\n" + one, 3}, "run together": {one + one, 2},
	} {
		if got := read(t, c.body); len(got) != c.n {
			t.Errorf("%s has %d requests; want %d", name, len(got), c.n)
		}
	}
}

// Every bad body, with the place and the remedy that its error must have.
func TestJSONErrors(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for name, c := range map[string]struct{ body, place, says string }{
		"empty":                {"", "body", "is empty"},
		"blank":                {" \n", "body", "is empty"},
		"not JSON":             {"endpoint=/a", "body", `at byte 0: found "endpoint"; must be a PerformanceMetric or an array`},
		"string":               {`"a"`, "body", "must be a PerformanceMetric or an array of them, not a string"},
		"number":               {`7`, "body", "not a number"},
		"boolean":              {`true`, "body", "not a boolean"},
		"null":                 {`null`, "body", "not null"},
		"binary":               {"\x00\x01", "body", "at byte 0"},
		"array of strings":     {`["a"]`, "body[0]", "must be an object, not a string"},
		"array in array":       {`[[{}]]`, "body[0]", "must be an object, not an array"},
		"very deep":            {deep, "body[0]", "must be an object, not an array"},
		"deep value":           {`{"endpoint":` + deep, "body[0].endpoint", "must be a string, not an array"},
		"empty object":         {`{}`, "body[0].endpoint", "is missing"},
		"second empty":         {"[" + with() + ",{}]", "body[1].endpoint", "is missing"},
		"third line":           {with() + "\n" + with() + "\n" + with("method", ""), "body[2].method", "is missing; it is required"},
		"no duration":          {with("response_time_ms", ""), "body[0].response_time_ms", "is missing"},
		"no status":            {with("status_code", ""), "body[0].status_code", "is missing"},
		"endpoint a number":    {with("endpoint", "7"), "body[0].endpoint", "must be a string, not a number"},
		"endpoint null":        {with("endpoint", "null"), "body[0].endpoint", "must be a string, not null"},
		"raw control":          {with("endpoint", "\"/a\n\""), "body[0].endpoint", "control character in a string"},
		"raw after escape":     {with("endpoint", "\"/\\u0061\n\""), "body[0].endpoint", "control character in a string"},
		"bad escape":           {with("endpoint", `"/\x41"`), "body[0].endpoint", `unknown escape \x`},
		"bad unicode":          {with("endpoint", `"/\u12G4"`), "body[0].endpoint", "four hex digits"},
		"method an object":     {with("method", `{}`), "body[0].method", "must be a string, not an object"},
		"negative":             {with("response_time_ms", "-1"), "body[0].response_time_ms", "must be from 0 to 2147483647 ms"},
		"too long a time":      {with("response_time_ms", "2147483648"), "body[0].response_time_ms", "must be from 0"},
		"just too long a time": {with("response_time_ms", "2147483647.000001"), "body[0].response_time_ms", "must be from 0"},
		"infinite":             {with("response_time_ms", "1e400"), "body[0].response_time_ms", "must be from 0"},
		"NaN":                  {with("response_time_ms", "NaN"), "body[0].response_time_ms", `found "NaN"; must be a number`},
		"Infinity":             {with("response_time_ms", "-Infinity"), "body[0].response_time_ms", "must be a JSON number"},
		"leading zero":         {with("response_time_ms", "012"), "body[0].response_time_ms", "must be a JSON number"},
		"leading plus":         {with("response_time_ms", "+1"), "body[0].response_time_ms", "must be a number"},
		"hex":                  {with("response_time_ms", "0x10"), "body[0].response_time_ms", "must be a JSON number"},
		"no fraction":          {with("response_time_ms", "1."), "body[0].response_time_ms", "must be a JSON number"},
		"no exponent":          {with("response_time_ms", "1e+"), "body[0].response_time_ms", "must be a JSON number"},
		"status 9999":          {with("status_code", "9999"), "body[0].status_code", "is 9999; must be from 100 to 999"},
		"status 0":             {with("status_code", "0"), "body[0].status_code", "must be from 100 to 999"},
		"status negative":      {with("status_code", "-200"), "body[0].status_code", "must be from 100 to 999"},
		"status a fraction":    {with("status_code", "200.5"), "body[0].status_code", "must be a whole number"},
		"status huge":          {with("status_code", "1e400"), "body[0].status_code", "must be a whole number"},
		"status a string":      {with("status_code", `"two hundred"`), "body[0].status_code", `is "two hundred"; must be a number`},
		"status true":          {with("status_code", "true"), "body[0].status_code", "must be a number, not a boolean"},
		"timestamp a word":     {with("timestamp", `"yesterday"`), "body[0].timestamp", `is "yesterday"; must be a time such as 2026-11-23T10:15:30.123Z, or Unix time as a number`},
		"timestamp empty":      {with("timestamp", `""`), "body[0].timestamp", "must be a time"},
		"timestamp 1969":       {with("timestamp", `"1969-12-31T23:59:59Z"`), "body[0].timestamp", "between the years 1970 and 9999"},
		"twice":                {`{"method":"GET","method":"GET"}`, "body[0].method", "appears twice"},
		"misspelt":             {with("response_time_ms", "", "tags", `1, "respone_time_ms": 1`), "body[0].response_time_ms", `is missing; it is required; "respone_time_ms" is not a known field`},
		"camel case":           {with("status_code", "", "tags", `1, "statusCode": 1`), "body[0].status_code", `"statusCode" is not a known field`},
		"long name":            {`{"` + strings.Repeat("x", 5000) + `":z}`, "body[0]." + strings.Repeat("x", 64), `found "z"; must be a JSON value`},
		"deep unknown":         {with("tags", strings.Repeat("[", 600)), "body[0].tags", "nests deeper than 512 levels"},
		"unknown cut":          {with("tags", `[1 2]`), "body[0].tags", "a comma or the end of the array"},
		"unknown, no colon":    {with("tags", `{"a" 1}`), "body[0].tags", "a colon after a field's name"},
		"unknown, no name":     {with("tags", `{1:2}`), "body[0].tags", "a field's name in double quotes"},
		"unknown, wrong end":   {with("tags", `[1}`), "body[0].tags", "the end of the array"},
		"unknown, comma":       {with("tags", `[1,]`), "body[0].tags", "must be a JSON value"},
		"numeral with a unit":  {with("response_time_ms", `"12ms"`), "body[0].response_time_ms", `is "12ms"; must be a number`},
		"numeral, empty":       {with("response_time_ms", `""`), "body[0].response_time_ms", "must be a number"},
		"NaN as a string":      {with("response_time_ms", `"NaN"`), "body[0].response_time_ms", "must be a number"},
		"negative numeral":     {with("response_time_ms", `"-1"`), "body[0].response_time_ms", "must be from 0"},
		"user a list":          {with("user_id", `["a"]`), "body[0].user_id", "must be a string, a number or null, not an array"},
		"trace a number":       {with("trace_id", "7"), "body[0].trace_id", "must be a string of 32 hex digits, or null, not a number"},
		"version a list":       {with("version", "[1]"), "body[0].version", "must be a string, a number or null"},
		"size a fraction":      {with("response_bytes", "1.5"), "body[0].response_bytes", "must be a whole number from 0"},
		"size negative":        {with("response_bytes", "-1"), "body[0].response_bytes", "must be a whole number from 0"},
		"timestamp true":       {with("timestamp", "true"), "body[0].timestamp", "Unix time as a number, or null, not a boolean"},
		"timestamp before 0":   {with("timestamp", "-1"), "body[0].timestamp", "between the years 1970 and 9999"},
		"no such day":          {with("timestamp", `"2026-02-30T10:00:00Z"`), "body[0].timestamp", "must be a time such as"},
		"created wrong":        {with("created_at", `"soon"`), "body[0].created_at", `is "soon"; must be a time`},
		"requests twice":       {`{"requests":[],"requests":[` + with() + `]}`, "body.requests", "appears twice"},
		"timestamp huge":       {with("timestamp", "1e300"), "body[0].timestamp", "between the years 1970 and 9999"},
		"timestamp too large":  {with("timestamp", "1e25"), "body[0].timestamp", "between the years 1970 and 9999"},
		"blames its own":       {"[" + with("tags", `1, "statusCode": 1`) + "," + with("status_code", "") + "]", "body[1].status_code", "is missing; it is required"},
		"after the member":     {`{"requests":[]} {}`, "body", "nothing may follow the requests"},
		"member's comma":       {`{"requests":[],}`, "body", "a field's name in double quotes"},
		"no comma":             {"[" + with() + with() + "]", "body", "must be a comma or the array's end"},
		"comma at the end":     {"[" + with() + ",]", "body[1]", `found "]"; must be an object`},
		"after the array":      {"[" + with() + "] {}", "body", "nothing may follow the requests"},
		"object's comma":       {`{"method":"GET",}`, "body[0]", "a field's name in double quotes"},
		"no colon":             {`{"method" "GET"}`, "body[0]", "a colon"},
		"no comma in object":   {`{"method":"GET" "a":1}`, "body[0]", "a comma or the object's end"},
		"single quotes":        {`{'method':1}`, "body[0]", `found "'"; must be a field's name in double quotes`},
		"bad name":             {"{\"a\x01\":1}", "body[0]", "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := drain(JSON([]byte(c.body)))
			var e *wire.FieldError
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Location() != c.place || !strings.Contains(e.Problem, c.says) {
				t.Errorf("%s: %s\nwant %s: … %s …", e.Location(), e.Problem, c.place, c.says)
			}
			if len(err.Error()) > 400 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

// TestTimes reads times as Python, JavaScript and databases write them.
func TestTimes(t *testing.T) {
	for written, want := range map[string]string{
		`"2026-11-24T08:30:05.250"`: "2026-11-24T08:30:05.25Z", `"2026-11-24T08:30:05"`: "2026-11-24T08:30:05Z",
		`"2026-11-24 08:30:05.250001"`: "2026-11-24T08:30:05.25Z", `"2026-11-24 08:30:05+00:00"`: "2026-11-24T08:30:05Z",
		`"2026-11-24t08:30:05z"`: "2026-11-24T08:30:05Z", `"2026-11-24 08:30:05.5z"`: "2026-11-24T08:30:05.5Z",
		`"2026-11-24T10:30:05+0200"`: "2026-11-24T08:30:05Z", `"2026-11-24 03:00:05-0530"`: "2026-11-24T08:30:05Z",
		`"2026-11-24 08:30:05+00"`: "2026-11-24T08:30:05Z", `"2026-11-24T08:30:05.123456789Z"`: "2026-11-24T08:30:05.123Z",
		"1795509005": "2026-11-24T08:30:05Z", "1795509005.25": "2026-11-24T08:30:05.25Z", "1795509005250": "2026-11-24T08:30:05.25Z",
		"1795509005250.75": "2026-11-24T08:30:05.25Z", "1795509005250001": "2026-11-24T08:30:05.25Z",
		"1795509005250001999": "2026-11-24T08:30:05.25Z", "1.795509005e9": "2026-11-24T08:30:05Z", "0": "1970-01-01T00:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, want)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, with("timestamp", written)); got[0].start != at.UnixMilli() {
			t.Errorf("%s is %v; want %v", written, time.UnixMilli(got[0].start).UTC(), at)
		}
	}
	for _, written := range []string{`"2026-11-24"`, `"2026-11-24T08:30"`, `"2026-11-24T08:30:05+1"`, `"2026-11-24T08:30:05Z0"`, `"2026-11-24T08:30:05 UTC"`, `"x2026-11-24T08:30:05"`, `"2026-11-24T08:30:05+00000"`, `"` + strings.Repeat("2", 70) + `"`} {
		if _, err := drain(JSON([]byte(with("timestamp", written)))); err == nil || !strings.Contains(err.Error(), "must be a time such as") {
			t.Errorf("%s: %v", written, err)
		}
	}
}

// TestUnknownFields names each once, in the order of their appearance, and not too many.
func TestUnknownFields(t *testing.T) {
	body := "[" + with("tags", `1, "url": "/x", "ip": null, "a\u0007b": 1`) + "," + with("tags", `2, "ip": 3`) + "]"
	r := JSON([]byte(body))
	if _, err := drain(r); err != nil {
		t.Fatal(err)
	}
	if got, want := r.Ignored(), []string{"tags", "url", "ip", "a\uFFFDb"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
	r = JSON([]byte(with("trace_id", `"x"`, "tags", "1")))
	if _, err := drain(r); err != nil || !slices.Equal(r.Ignored(), []string{"trace_id", "tags"}) {
		t.Errorf("%q are ignored, %v", r.Ignored(), err)
	}
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, `, "f%d": %d`, i, i)
	}
	r = JSON([]byte(with("tags", "0"+many.String())))
	if _, err := drain(r); err != nil || len(r.Ignored()) != maxUnknown {
		t.Errorf("%d unknown fields are named, %v", len(r.Ignored()), err)
	}
}

func TestJSONTruncatedAnywhere(t *testing.T) {
	whole := "[" + with("user_id", `"\u00e9\""`, "timestamp", `"2026-11-23T10:15:30Z"`) + "]"
	for n := 1; n < len(whole); n++ {
		_, err := drain(JSON([]byte(whole[:n])))
		want := fmt.Sprintf("the JSON ends at byte %d, before it is complete", n)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", whole[:n], err)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(with()))
	f.Add([]byte("[" + with("user_id", `"\u00e9"`, "timestamp", `"2026-11-23T10:15:30Z"`) + "," + with() + "]"))
	f.Add([]byte(with("response_time_ms", "1e-3", "service", "null") + "\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := drain(JSON(data))
		if err != nil {
			if _, ok := errors.AsType[*wire.FieldError](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if len(all) == 1 && !json.Valid(trimMark(data)) {
			t.Fatalf("accepted what is not JSON: %q", data)
		}
	})
}

func trimMark(b []byte) []byte { return []byte(strings.TrimPrefix(string(b), "\uFEFF")) }

func BenchmarkJSON(b *testing.B) {
	var body strings.Builder
	const n = 10_000
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/api/v1/resource%d/%d/items","method":"GET","response_time_ms":%d.25,"status_code":200,"user_id":"user-%d","timestamp":"2026-11-23T10:15:30.123Z"},`,
			i%150, i, i%1000, i%500)
	}
	data := []byte("[" + strings.TrimSuffix(body.String(), ",") + "]")
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		drainAll(b, JSON(data))
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// drainAll reads to the end and discards the requests.
func drainAll(b *testing.B, r Reader) {
	var got Request
	for {
		switch err := r.Next(&got); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			b.Fatal(err)
		}
	}
}
