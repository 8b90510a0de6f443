package intake

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// steps is a Reader that yields requests, and errors in between.
type steps []any

func (s *steps) Next(r *ingest.Request) error {
	if len(*s) == 0 {
		return io.EOF
	}
	first := (*s)[0]
	*s = (*s)[1:]
	switch v := first.(type) {
	case ingest.Request:
		*r = v
	case error:
		*r = ingest.Request{Start: ingest.NoTime}
		return v
	case refused:
		*r = v.Request
		return v.RefusalError
	}
	return nil
}

// refused is the error of an element that a reader leaves out.
type refused struct {
	ingest.Request
	*ingest.RefusalError
}

// good is a request that is accepted.
func good() ingest.Request {
	return ingest.Request{Endpoint: []byte("/users/7"), Method: []byte("GET"), Status: 200, Start: noon.UnixMilli(), Duration: 12500 * time.Microsecond}
}

func changed(change func(*ingest.Request)) ingest.Request {
	r := good()
	change(&r)
	return r
}

// gathered returns the batches made of a reader's requests.
func gathered(t *testing.T, r ingest.Reader) ([]wire.Request, error) {
	t.Helper()
	c := newBatcher()
	starts := newIntake(discard{}, Limits{}).span()
	c.reset(newRegistry(Limits{}), "", noon, starts)
	lost := newLosses(noon, starts)
	if err := c.gather(r, false, &lost); err != nil {
		return nil, err
	}
	return requestsOf(t, c.batches("test")...), nil
}

// requestsOf returns the requests of batches, which must be valid.
func requestsOf(t *testing.T, batches ...*wire.Batch) (all []wire.Request) {
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

func TestRequestsBecomeRows(t *testing.T) {
	plain := wire.Request{
		Key:   wire.Key{Service: "default", Endpoint: "/users/{id}", Method: "GET", Status: 200},
		Start: noon.UnixMilli(), Duration: 12500 * time.Microsecond,
	}
	text := func(s string) []byte { return []byte(s) }
	for name, c := range map[string]struct {
		change func(*ingest.Request)
		want   func(*wire.Request)
	}{
		"plain":                    {func(*ingest.Request) {}, func(*wire.Request) {}},
		"no time":                  {func(r *ingest.Request) { r.Start = ingest.NoTime }, func(r *wire.Request) { r.Start -= 13 }}, // it took 12.5 ms
		"no time at all":           {func(r *ingest.Request) { r.Start, r.Duration = ingest.NoTime, 0 }, func(r *wire.Request) { r.Start, r.Duration = r.Start-1, 0 }},
		"no time, older than kept": {func(r *ingest.Request) { r.Start, r.Duration = ingest.NoTime, 8*24*time.Hour }, func(r *wire.Request) { r.Start, r.Duration = r.Start-168*3600_000, 8*24*time.Hour }},
		"template":                 {func(r *ingest.Request) { r.Endpoint = text("/v2/{name}/7") }, func(r *wire.Request) { r.Endpoint = "/v2/{name}/7" }},
		"unmatched":                {func(r *ingest.Request) { r.Endpoint = text("(unmatched)") }, func(r *wire.Request) { r.Endpoint = wire.Unmatched }},
		"query":                    {func(r *ingest.Request) { r.Endpoint = text("/users/7?token=" + strings.Repeat("x", 500)) }, func(*wire.Request) {}},
		"lower case":               {func(r *ingest.Request) { r.Method = text("post") }, func(r *wire.Request) { r.Method = "POST" }},
		"unknown method":           {func(r *ingest.Request) { r.Method = text("BREW/1.1 LONG") }, func(r *wire.Request) { r.Method = wire.MethodOther }},
		"user":                     {func(r *ingest.Request) { r.User = text("u-7") }, func(r *wire.Request) { r.User = "u-7" }},
		"process": {func(r *ingest.Request) { r.Instance, r.Version, r.Trace = text("web-1"), text("1.4"), wire.TraceID{1} },
			func(r *wire.Request) {
				r.Process, r.Trace = wire.Process{Instance: "web-1", Version: "1.4"}, wire.TraceID{1}
			}},
		"a router's route": {func(r *ingest.Request) { r.Route = text("/users/<int:id>") }, func(r *wire.Request) { r.Endpoint = "/users/{id}" }},
		"error":            {func(r *ingest.Request) { r.Error = text("timeout") }, func(r *wire.Request) { r.Error = "timeout" }},
		"service":          {func(r *ingest.Request) { r.Service = text("orders") }, func(r *wire.Request) { r.Service = "orders" }},
		"times and size":   {func(r *ingest.Request) { r.FirstByte, r.Lifetime, r.Size = 2, 3, 4 }, func(r *wire.Request) { r.FirstByte, r.Lifetime, r.Size = 2, 3, 4 }},
		"oldest":           {func(r *ingest.Request) { r.Start -= 168 * 3600_000 }, func(r *wire.Request) { r.Start -= 168 * 3600_000 }},
		"tomorrow":         {func(r *ingest.Request) { r.Start += 24*3600_000 - 1 }, func(r *wire.Request) { r.Start += 24*3600_000 - 1 }},
		"longest":          {func(r *ingest.Request) { r.Duration = wire.MaxDuration }, func(r *wire.Request) { r.Duration = wire.MaxDuration }},
	} {
		t.Run(name, func(t *testing.T) {
			want := plain
			want.Instance = "test"
			c.want(&want)
			got, err := gathered(t, &steps{changed(c.change)})
			if err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("%+v, %v; want\n%+v", got, err, want)
			}
		})
	}
}

// Each limit, with the field and the remedy that its error must have.
func TestRequestsBeyondALimit(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	for name, c := range map[string]struct {
		change      func(*ingest.Request)
		field, says string
	}{
		"endpoint empty":      {func(r *ingest.Request) { r.Endpoint = nil }, "endpoint", "must not be empty"},
		"method empty":        {func(r *ingest.Request) { r.Method = nil }, "method", "must not be empty"},
		"status 99":           {func(r *ingest.Request) { r.Status = 99 }, "status_code", "is 99; must be from 100 to 999"},
		"status 1000":         {func(r *ingest.Request) { r.Status = 1000 }, "status_code", "must be from 100 to 999"},
		"service empty":       {func(r *ingest.Request) { r.Service = text("") }, "service", "must not be empty; omit it for default"},
		"service control":     {func(r *ingest.Request) { r.Service = text("a\x00") }, "service", "contains U+0000; must be at most 100 bytes"},
		"service turned":      {func(r *ingest.Request) { r.Service = text("a\u202e") }, "service", "contains U+202E; must be at most 100 bytes"},
		"service too long":    {func(r *ingest.Request) { r.Service = text(strings.Repeat("s", 101)) }, "service", "at most 100 bytes"},
		"after the year 9999": {func(r *ingest.Request) { r.Start = wire.MaxStart + 1 }, "timestamp", "between the years 1970 and 9999"},
		"duration negative":   {func(r *ingest.Request) { r.Duration = -1 }, "response_time_ms", "must be from 0 to 2147483647 ms"},
		"duration too long":   {func(r *ingest.Request) { r.Duration = wire.MaxDuration + 1 }, "response_time_ms", "must be from 0"},
		"first byte too late": {func(r *ingest.Request) { r.FirstByte = r.Duration + 1 }, "first_byte_ms", "to response_time_ms"},
		"lifetime too long":   {func(r *ingest.Request) { r.Lifetime = wire.MaxDuration + 1 }, "lifetime_ms", "must be from 0"},
		"size negative":       {func(r *ingest.Request) { r.Size = -1 }, "response_bytes", "must be from 0"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := changed(c.change)
			bad.Line = 7
			_, err := gathered(t, &steps{good(), bad})
			var e *wire.FieldError
			if !errors.As(err, &e) || e.Index != 1 || e.Line != 7 || e.Field != c.field || !strings.Contains(e.Problem, c.says) {
				t.Errorf("%#v\nwant %s: … %s …", err, c.field, c.says)
			}
			if len(err.Error()) > 400 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

// A request whose time is not accepted costs no other, also where a request beyond a
// limit costs the whole body.
func TestRequestsAtTheWrongTime(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ingest.Request)
		reason ingest.Reason
		says   string
	}{
		"too old":       {func(r *ingest.Request) { r.Start -= 168*3600_000 + 1 }, ingest.TooOld, "must be 2026-11-16T12:00:00.000Z or later"},
		"in the future": {func(r *ingest.Request) { r.Start += 24 * 3600_000 }, ingest.InFuture, "must be before 2026-11-24T12:00:00.000Z"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lenient := range []bool{false, true} {
				b := newBatcher()
				b.reset(newRegistry(Limits{}), "", noon, span{noon.Add(-168 * time.Hour).UnixMilli(), noon.Add(24 * time.Hour).UnixMilli()})
				elements := &steps{good(), changed(c.change), good()}
				if err := b.next(elements, lenient); err != nil {
					t.Fatal(err)
				}
				err := b.next(elements, lenient)
				var e *ingest.RefusalError
				if !errors.As(err, &e) || e.Reason != c.reason || !strings.Contains(e.Problem, "timestamp: ") || !strings.Contains(e.Problem, c.says) {
					t.Errorf("%#v\nwant %s: … %s …", err, c.reason, c.says)
				}
				if err := b.next(elements, lenient); err != nil || b.last().Len() != 2 {
					t.Errorf("%d requests are kept: %v", b.last().Len(), err)
				}
			}
		})
	}
}

func TestBodiesAreSplitIntoBatches(t *testing.T) {
	var body strings.Builder
	const n = wire.MaxRequests + 100
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"user_id":"%d-%s"}`,
			i%50_000, strings.Repeat("u", 200))
	}
	c := newBatcher()
	c.reset(newRegistry(Limits{}), "", noon, always)
	if err := c.gather(ingest.JSON([]byte(body.String())), false, new(losses)); err != nil {
		t.Fatal(err)
	}
	batches := c.batches("test")
	if got := len(requestsOf(t, batches...)); got != n {
		t.Errorf("%d requests; want %d", got, n)
	}
	for i, b := range batches {
		if size := len(b.AppendBinary(nil)); size > wire.MaxBytes || b.Sequence != uint64(i) || b.Instance != "test" {
			t.Errorf("batch %d is %s/%d of %d bytes", i, b.Instance, b.Sequence, size)
		}
	}
	if len(batches) < 3 {
		t.Errorf("%d batches", len(batches))
	}
}

func TestStreamFillsBatches(t *testing.T) {
	const n = 2*wire.MaxRequests + 7
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d,/a/%d,GET,%d,200,user-%d\n", 1795000000000+i, i, i, i%100)
	}
	var sizes []int
	for b, err := range Stream(ingest.CSV(strings.NewReader(text.String())), "web", noon) {
		if err != nil {
			t.Fatal(err)
		}
		b.Instance = "import"
		for i, r := range requestsOf(t, b) {
			if at := len(sizes)*wire.MaxRequests + i; r.Duration != time.Duration(at) || r.User != fmt.Sprintf("user-%d", at%100) || r.Service != "web" {
				t.Fatalf("request %d is %v", at, r)
			}
		}
		sizes = append(sizes, b.Len())
	}
	if !slices.Equal(sizes, []int{wire.MaxRequests, wire.MaxRequests, 7}) {
		t.Errorf("batches of %v", sizes)
	}
	for range Stream(ingest.CSV(strings.NewReader(text.String())), "", noon) {
		break // A caller may have seen enough.
	}
}

// TestStreamEndsAtAnError of the reader, or of a line that it took for good.
func TestStreamEndsAtAnError(t *testing.T) {
	for input, want := range map[string]string{
		"1,/a,GET,1,200,u\nx,/a,GET,1,200,": "line 2: start: is \"x\"",
		"1,/a,GET,1,200,u\n\n1,,GET,1,200,": "line 3: endpoint: must not be empty",
	} {
		var err error
		for _, e := range Stream(ingest.CSV(strings.NewReader(input)), "", noon) {
			err = errors.Join(err, e)
		}
		if !Malformed(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v; want %s", input, err, want)
		}
	}
}

// TestStreamGoesOnAfterARefusal: elements that a reader leaves out do not affect others.
func TestStreamGoesOnAfterARefusal(t *testing.T) {
	elements := steps{good(), &ingest.RefusalError{Problem: "is no span"}, good(), io.ErrUnexpectedEOF, good()}
	var errs []error
	for b, err := range Stream(&elements, "web", noon) {
		if errs = append(errs, err); err == nil {
			t.Errorf("a batch of %d", b.Len())
		}
	}
	same(t, "errors", errs, []error{&ingest.RefusalError{Problem: "is no span"}, io.ErrUnexpectedEOF})

	elements = steps{good(), &ingest.RefusalError{Problem: "is no span"}, good()}
	var rows, refusals int
	for b, err := range Stream(&elements, "web", noon) {
		if err != nil {
			refusals++
			continue
		}
		rows += len(requestsOf(t, named(b)))
	}
	same(t, "rows and refusals", []int{rows, refusals}, []int{2, 1})

	elements = steps{&ingest.RefusalError{}, good()}
	for range Stream(&elements, "web", noon) {
		break // A caller may give up at it.
	}
	same(t, "elements that were not read", len(elements), 1)
}

// named gives a batch of a stream an instance, without which it is not valid.
func named(b *wire.Batch) *wire.Batch {
	b.Instance = "import"
	return b
}

func FuzzJSONBatches(f *testing.F) {
	f.Add([]byte(metric))
	f.Add([]byte("[" + metric + `,{"endpoint":"/\u00e9?a","method":"x","response_time_ms":1e-3,"status_code":2e2,"timestamp":"2026-11-23T10:15:30Z"}]`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzBatches(t, ingest.JSON(data)) })
}

func FuzzCSVBatches(f *testing.F) {
	f.Add("1795000000000,/users/7,GET,1500000,200,user-7\r\n\n")
	f.Add(`1795000000001,"/a,""b""",POST,0,503,"u,7"`)
	f.Fuzz(func(t *testing.T, data string) { fuzzBatches(t, ingest.CSV(strings.NewReader(data))) })
}

// fuzzBatches makes batches of whatever a reader yields: they must be valid, and
// hold each request that was not refused.
func fuzzBatches(t *testing.T, r ingest.Reader) {
	c := newBatcher()
	starts := newIntake(discard{}, Limits{}).span()
	c.reset(newRegistry(Limits{}), "", noon, starts)
	lost := newLosses(noon, starts)
	yielded := &counting{Reader: r}
	if err := c.gather(yielded, true, &lost); err != nil {
		if !Malformed(err) {
			t.Fatalf("%T: %v", err, err)
		}
		return
	}
	if got := len(requestsOf(t, c.batches("test")...)); got+int(lost.sum()) != yielded.n {
		t.Errorf("%d kept and %d lost of %d requests", got, lost.sum(), yielded.n)
	}
}

// counting counts what a reader yields or leaves out.
type counting struct {
	ingest.Reader
	n int
}

func (c *counting) Next(r *ingest.Request) error {
	err := c.Reader.Next(r)
	var refusal *ingest.RefusalError
	if err == nil || errors.As(err, &refusal) {
		c.n++
	}
	return err
}

// TestStrangersNamesAreCleaned: a body is not refused for names that the callers of a
// service choose.
func TestStrangersNamesAreCleaned(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	turned := changed(func(r *ingest.Request) {
		r.Endpoint, r.User, r.Error, r.Method = text("/\u202ea"), text("b\u2066"), text("c\x00"), text("G\u200b")
	})
	invalid := changed(func(r *ingest.Request) {
		r.Endpoint, r.User = text("/a\xff"), text(strings.Repeat("\u0085", 127)) // which grows beyond the limit
	})
	got, err := gathered(t, &steps{turned, invalid, invalid})
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if r := got[0]; r.Endpoint != "/\uFFFDa" || r.User != "b\uFFFD" || r.Error != "c\uFFFD" || r.Method != wire.MethodOther {
		t.Errorf("got %+v", r)
	}
	for _, r := range got[1:] {
		if r.Endpoint != "/a\uFFFD" || r.User != strings.Repeat("\uFFFD", 85) {
			t.Errorf("got %+v", r)
		}
	}
}
