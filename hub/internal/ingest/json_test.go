package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func options() Options {
	return Options{
		Templates: template.New(template.Limits{}), Now: noon, Instance: "test",
		From: noon.Add(-168 * time.Hour).UnixMilli(), To: noon.Add(24 * time.Hour).UnixMilli(),
	}
}

// read returns the requests of a body.
func read(t *testing.T, body string) []wire.Request {
	t.Helper()
	b, err := JSON([]byte(body), options())
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	defer b.Free()
	return requests(t, b.Batches...)
}

func requests(t *testing.T, batches ...*wire.Batch) (all []wire.Request) {
	t.Helper()
	for _, b := range batches {
		if err := b.Validate(); err != nil {
			t.Fatal(err)
		}
		for i := range b.Len() {
			all = append(all, b.Request(i))
		}
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
	for _, name := range fields {
		if v := values[name]; v != "" {
			parts = append(parts, fmt.Sprintf("%q: %s", name, v))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func TestJSONValues(t *testing.T) {
	plain := wire.Request{
		Key:   wire.Key{Service: "default", Endpoint: "/users/{id}", Method: "GET", Status: 200},
		Start: noon.UnixMilli(), Duration: 12500 * time.Microsecond,
	}
	for name, c := range map[string]struct {
		body string
		want func(*wire.Request)
	}{
		"plain":          {with(), func(*wire.Request) {}},
		"template":       {with("endpoint", `"/v2/{name}/7"`), func(r *wire.Request) { r.Endpoint = "/v2/{name}/7" }},
		"unmatched":      {with("endpoint", `"(unmatched)"`), func(r *wire.Request) { r.Endpoint = wire.Unmatched }},
		"query":          {with("endpoint", `"/users/7?token=`+strings.Repeat("x", 500)+`"`), func(*wire.Request) {}},
		"lower case":     {with("method", `"post"`), func(r *wire.Request) { r.Method = "POST" }},
		"unknown method": {with("method", `"BREW/1.1 LONG"`), func(r *wire.Request) { r.Method = wire.MethodOther }},
		"user":           {with("user_id", `"u-7"`), func(r *wire.Request) { r.User = "u-7" }},
		"null":           {with("user_id", `null`, "timestamp", `null`, "service", `null`), func(*wire.Request) {}},
		"service":        {with("service", `"orders"`), func(r *wire.Request) { r.Service = "orders" }},
		"escapes":        {with("user_id", `"\"\\\/\u00e9\ud83d\ude00\ud800x"`), func(r *wire.Request) { r.User = "\"\\/é😀\uFFFDx" }},
		"two escaped":    {with("user_id", `"\u0061"`, "service", `"\u0062"`), func(r *wire.Request) { r.User, r.Service = "a", "b" }},
		"escaped name":   {strings.Replace(with(), "endpoint", `\u0065ndpoint`, 1), func(*wire.Request) {}},
		"timestamp": {with("timestamp", `"2026-11-23T10:15:30.1239Z"`), func(r *wire.Request) {
			r.Start = noon.Add(-time.Hour*2 + 15*time.Minute + 30123*time.Millisecond).UnixMilli()
		}},
		"zone":            {with("timestamp", `"2026-11-23T13:00:00+01:00"`), func(*wire.Request) {}},
		"oldest":          {with("timestamp", `"2026-11-16T12:00:00Z"`), func(r *wire.Request) { r.Start -= 168 * 3600_000 }},
		"tomorrow":        {with("timestamp", `"2026-11-24T11:59:59.999Z"`), func(r *wire.Request) { r.Start += 24*3600_000 - 1 }},
		"zero":            {with("response_time_ms", `0`), func(r *wire.Request) { r.Duration = 0 }},
		"minus zero":      {with("response_time_ms", `-0.0`), func(r *wire.Request) { r.Duration = 0 }},
		"whole":           {with("response_time_ms", `812`), func(r *wire.Request) { r.Duration = 812 * time.Millisecond }},
		"nanosecond":      {with("response_time_ms", `0.000001`), func(r *wire.Request) { r.Duration = 1 }},
		"rounds up":       {with("response_time_ms", `0.0000015`), func(r *wire.Request) { r.Duration = 2 }},
		"rounds down":     {with("response_time_ms", `0.00000149`), func(r *wire.Request) { r.Duration = 1 }},
		"many digits":     {with("response_time_ms", `12.500000000000000000001`), func(*wire.Request) {}},
		"exponent":        {with("response_time_ms", `1.25e1`), func(*wire.Request) {}},
		"longest":         {with("response_time_ms", `2147483647`), func(r *wire.Request) { r.Duration = wire.MaxDuration }},
		"integral status": {with("status_code", `2.0e2`), func(*wire.Request) {}},
		"byte order mark": {"\uFEFF " + with(), func(*wire.Request) {}},
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
		"lines": {one + "\n" + one + "\r\n\n" + one, 3}, "run together": {one + one, 2},
	} {
		if got := read(t, c.body); len(got) != c.n {
			t.Errorf("%s has %d requests; want %d", name, len(got), c.n)
		}
	}
}

// Every bad body, with what the error must say: its place and then its remedy.
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
		"endpoint empty":       {with("endpoint", `""`), "body[0].endpoint", "must not be empty"},
		"endpoint too long":    {with("endpoint", `"/`+strings.Repeat("a", 255)+`"`), "body[0].endpoint", "is too long; must be at most 255 bytes"},
		"template too long":    {with("endpoint", `"/{id}`+strings.Repeat("a", 255)+`"`), "body[0].endpoint", "is too long"},
		"path beyond all":      {with("endpoint", `"/`+strings.Repeat("1", 9000)+`"`), "body[0].endpoint", "must be at most 8192 bytes"},
		"endpoint control":     {with("endpoint", `"/a\u0000"`), "body[0].endpoint", "without control characters"},
		"raw control":          {with("endpoint", "\"/a\n\""), "body[0].endpoint", "control character in a string"},
		"raw after escape":     {with("endpoint", "\"/\\u0061\n\""), "body[0].endpoint", "control character in a string"},
		"not UTF-8":            {with("endpoint", "\"/\xff\""), "body[0].endpoint", "not valid UTF-8"},
		"not UTF-8 escaped":    {with("endpoint", "\"\\/\xff\""), "body[0].endpoint", "not valid UTF-8"},
		"bad escape":           {with("endpoint", `"/\x41"`), "body[0].endpoint", `unknown escape \x`},
		"bad unicode":          {with("endpoint", `"/\u12G4"`), "body[0].endpoint", "four hex digits"},
		"method empty":         {with("method", `""`), "body[0].method", "must not be empty"},
		"method control":       {with("method", `"G\u0001"`), "body[0].method", "control"},
		"method an object":     {with("method", `{}`), "body[0].method", "must be a string, not an object"},
		"negative":             {with("response_time_ms", "-1"), "body[0].response_time_ms", "must be from 0 to 2147483647 ms"},
		"too long a time":      {with("response_time_ms", "2147483648"), "body[0].response_time_ms", "must be from 0"},
		"just too long a time": {with("response_time_ms", "2147483647.000001"), "body[0].response_time_ms", "must be from 0"},
		"infinite":             {with("response_time_ms", "1e400"), "body[0].response_time_ms", "must be from 0"},
		"NaN":                  {with("response_time_ms", "NaN"), "body[0].response_time_ms", `found "NaN"; must be a number`},
		"Infinity":             {with("response_time_ms", "-Infinity"), "body[0].response_time_ms", "must be a JSON number"},
		"string of digits":     {with("response_time_ms", `"12"`), "body[0].response_time_ms", "must be a number, not a string"},
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
		"status a string":      {with("status_code", `"200"`), "body[0].status_code", "must be a number, not a string"},
		"status true":          {with("status_code", "true"), "body[0].status_code", "must be a number, not a boolean"},
		"user a number":        {with("user_id", "7"), "body[0].user_id", "must be a string or null, not a number"},
		"user too long":        {with("user_id", `"`+strings.Repeat("u", 256)+`"`), "body[0].user_id", "at most 255 bytes"},
		"user as the endpoint": {with("endpoint", `"/`+strings.Repeat("u/", 200)+`"`, "user_id", `"/`+strings.Repeat("u/", 200)+`"`), "body[0].user_id", "at most 255 bytes"},
		"service empty":        {with("service", `""`), "body[0].service", "must not be empty"},
		"service too long":     {with("service", `"`+strings.Repeat("s", 101)+`"`), "body[0].service", "at most 100 bytes"},
		"timestamp a number":   {with("timestamp", "1795000000"), "body[0].timestamp", "must be a string or null, not a number"},
		"timestamp a word":     {with("timestamp", `"yesterday"`), "body[0].timestamp", `"yesterday" is not a time of RFC 3339 with its zone`},
		"timestamp empty":      {with("timestamp", `""`), "body[0].timestamp", "RFC 3339"},
		"timestamp zoneless":   {with("timestamp", `"2026-11-23T12:00:00"`), "body[0].timestamp", "with its zone"},
		"timestamp 1969":       {with("timestamp", `"1969-12-31T23:59:59Z"`), "body[0].timestamp", "between the years 1970 and 9999"},
		"too old":              {with("timestamp", `"2026-11-16T11:59:59.999Z"`), "body[0].timestamp", "must be 2026-11-16T12:00:00.000Z or later"},
		"in the future":        {with("timestamp", `"2026-11-24T12:00:00Z"`), "body[0].timestamp", "must be before 2026-11-24T12:00:00.000Z"},
		"twice":                {`{"method":"GET","method":"GET"}`, "body[0].method", "appears twice"},
		"misspelt":             {`{"respone_time":1}`, "body[0].respone_time", `did you mean "response_time_ms"?`},
		"camel case":           {`{"statusCode":1}`, "body[0].statusCode", `did you mean "status_code"?`},
		"unheard of":           {`{"colour":"red"}`, "body[0].colour", "known are endpoint, method"},
		"long name":            {`{"` + strings.Repeat("x", 5000) + `":1}`, "body[0]." + strings.Repeat("x", 64), "is not a known field"},
		"no comma":             {"[" + with() + with() + "]", "body", "must be a comma or the array's end"},
		"comma at the end":     {"[" + with() + ",]", "body[1]", `found "]"; must be an object`},
		"after the array":      {"[" + with() + "] {}", "body", "nothing may follow the array"},
		"object's comma":       {`{"method":"GET",}`, "body[0]", "a field's name in double quotes"},
		"no colon":             {`{"method" "GET"}`, "body[0]", "a colon"},
		"no comma in object":   {`{"method":"GET" "a":1}`, "body[0]", "a comma or the object's end"},
		"single quotes":        {`{'method':1}`, "body[0]", `found "'"; must be a field's name in double quotes`},
		"bad name":             {"{\"a\x01\":1}", "body[0]", "control character"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := JSON([]byte(c.body), options())
			var e *Error
			if b != nil || !errors.As(err, &e) {
				t.Fatalf("JSON = %v, %v", b, err)
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

func TestJSONTruncatedAnywhere(t *testing.T) {
	whole := "[" + with("user_id", `"\u00e9\""`, "timestamp", `"2026-11-23T10:15:30Z"`) + "]"
	for n := 1; n < len(whole); n++ {
		_, err := JSON([]byte(whole[:n]), options())
		want := fmt.Sprintf("the JSON ends at byte %d, before it is complete", n)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", whole[:n], err)
		}
	}
}

func TestErrorsSayTheirPlace(t *testing.T) {
	for want, e := range map[string]*Error{
		"body: wrong":              {Index: -1, Problem: "wrong"},
		"element 3: wrong":         {Index: 3, Problem: "wrong"},
		"element 3: method: wrong": {Index: 3, Field: "method", Problem: "wrong"},
		"line 4: method: wrong":    {Index: 3, Field: "method", Line: 4, Problem: "wrong"},
	} {
		if e.Error() != want {
			t.Errorf("%q; want %q", e.Error(), want)
		}
	}
}

func TestJSONSplitsWhatIsTooMuchForABatch(t *testing.T) {
	var body strings.Builder
	const n = wire.MaxRequests + 100
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"user_id":"%d-%s"}`,
			i%50_000, strings.Repeat("u", 200))
	}
	b, err := JSON([]byte(body.String()), options())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	if b.Requests != n || len(requests(t, b.Batches...)) != n {
		t.Errorf("%d requests; want %d", b.Requests, n)
	}
	for i, batch := range b.Batches {
		if size := len(batch.AppendBinary(nil)); size > wire.MaxBytes || batch.Sequence != uint64(i) || batch.Instance != "test" {
			t.Errorf("batch %d is %s/%d of %d bytes", i, batch.Instance, batch.Sequence, size)
		}
	}
	if len(b.Batches) < 3 {
		t.Errorf("%d batches", len(b.Batches))
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(with()))
	f.Add([]byte("[" + with("user_id", `"\u00e9"`, "timestamp", `"2026-11-23T10:15:30Z"`) + "," + with() + "]"))
	f.Add([]byte(with("response_time_ms", "1e-3", "service", "null") + "\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := JSON(data, options())
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		defer b.Free()
		if n := len(requests(t, b.Batches...)); n != b.Requests {
			t.Fatalf("%d requests; %d said", n, b.Requests)
		}
		if b.Requests == 1 && !json.Valid(trimMark(data)) {
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
	o := options()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		body, err := JSON(data, o)
		if err != nil {
			b.Fatal(err)
		}
		body.Free()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
