package ingest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

type reader func(io.Reader, Options) iter.Seq2[*wire.Batch, error]

func drain(t *testing.T, read reader, r io.Reader) (all []wire.Request, err error) {
	t.Helper()
	for b, err := range read(r, Options{Instance: "import", Now: noon, Service: "web"}) {
		if err != nil {
			return all, err
		}
		all = append(all, requests(t, b)...)
	}
	return all, nil
}

func TestCSV(t *testing.T) {
	const lines = "\uFEFF1795000000000,/users/7,get,1500000,200,user-7\r\n\n" +
		`1795000000001,"/a,""b""",POST,0,503,"u,7"` + "\n" +
		"1795000000002,/c/{id},BREW,9,499,"
	got, err := drain(t, CSV, iotest.OneByteReader(strings.NewReader(lines)))
	if err != nil {
		t.Fatal(err)
	}
	request := func(at int64, endpoint, method string, status int, d time.Duration, user string) wire.Request {
		return wire.Request{Key: wire.Key{Service: "web", Endpoint: endpoint, Method: method, Status: status}, Start: at, Duration: d, User: user}
	}
	want := []wire.Request{
		request(1795000000000, "/users/{id}", "GET", 200, 1500*time.Microsecond, "user-7"),
		request(1795000000001, `/a,"b"`, "POST", 503, 0, "u,7"),
		request(1795000000002, "/c/{id}", wire.MethodOther, 499, 9, ""),
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v; want\n%v", got, want)
	}
}

func TestNDJSON(t *testing.T) {
	got, err := drain(t, NDJSON, strings.NewReader(with()+"\n\n"+with("service", `"orders"`)+"\n"))
	if err != nil || len(got) != 2 || got[0].Service != "web" || got[1].Service != "orders" || got[0].Start != noon.UnixMilli() {
		t.Errorf("%v, %v", got, err)
	}
}

func TestStreamErrors(t *testing.T) {
	const good = "1795000000000,/users/7,GET,1,200,u\n"
	for name, c := range map[string]struct {
		read  reader
		input string
		want  string
	}{
		"headings":          {CSV, "start,endpoint,method,duration,status,user\n", `line 1: start: is "start"; must be Unix milliseconds`},
		"start negative":    {CSV, good + "-1,/a,GET,1,200,u", "line 2: start:"},
		"start too far":     {CSV, good + "253402300800000,/a,GET,1,200,u", "line 2: start:"},
		"start huge":        {CSV, strings.Repeat("9", 60000) + ",/a,GET,1,200,u", "line 1: start:"},
		"start empty":       {CSV, ",/a,GET,1,200,u", "line 1: start:"},
		"duration":          {CSV, good + "\n\n1,/a,GET,1.5,200,u", `line 4: duration: is "1.5"; must be nanoseconds`},
		"status":            {CSV, "1,/a,GET,1,99,u", `line 1: status: is "99"; must be a number from 100 to 999`},
		"status large":      {CSV, "1,/a,GET,1,1000,u", "line 1: status:"},
		"endpoint":          {CSV, "1,,GET,1,200,u", "line 1: endpoint: must not be empty"},
		"endpoint too long": {CSV, "1,/" + strings.Repeat("a", 300) + ",GET,1,200,u", "line 1: endpoint: is too long"},
		"method":            {CSV, "1,/a,,1,200,u", "line 1: method: must not be empty"},
		"user":              {CSV, "1,/a,GET,1,200," + strings.Repeat("u", 300), "line 1: user_id: must be at most 255 bytes"},
		"few fields":        {CSV, "1,/a,GET,1,200", "line 1: user: is missing; a line has the 6 fields"},
		"many fields":       {CSV, "1,/a,GET,1,200,u,v", "line 1: has more than 6 fields"},
		"open quote":        {CSV, `1,"/a,GET,1,200,u`, "line 1: endpoint: has no closing quote"},
		"after quote":       {CSV, `1,"/a"b,GET,1,200,u`, "line 1: endpoint: must end after its closing quote"},
		"long line":         {CSV, good + strings.Repeat("x", maxLine+1), "line 2: is longer than 65536 bytes"},
		"NDJSON":            {NDJSON, with() + "\n" + with("method", "7"), "line 2: method: must be a string, not a number"},
		"two on a line":     {NDJSON, with() + with(), "line 1: at byte"},
		"spread":            {NDJSON, "{\n}", "line 1: the JSON ends at byte 1"},
		"array":             {NDJSON, "[" + with() + "]", "line 1: must be an object, not an array"},
		"not UTF-8":         {CSV, "1,/\xff,GET,1,200,u", "line 1: endpoint:"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := drain(t, c.read, strings.NewReader(c.input))
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) || len(err.Error()) > 300 {
				t.Errorf("%v; want %s", err, c.want)
			}
		})
	}
	broken := errors.New("disk on fire")
	_, err := drain(t, CSV, io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "read line 2") {
		t.Errorf("a reader's error is %v", err)
	}
}

func TestStreamsFillBatches(t *testing.T) {
	const n = 2*wire.MaxRequests + 7
	lines := func(yield func(string)) {
		for i := range n {
			yield(fmt.Sprintf("%d,/a/%d,GET,%d,200,user-%d\n", 1795000000000+i, i, i, i%100))
		}
	}
	var text strings.Builder
	lines(func(s string) { text.WriteString(s) })
	var sizes []int
	next := uint64(0)
	for b, err := range CSV(strings.NewReader(text.String()), Options{Instance: "import"}) {
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range requests(t, b) {
			if at := len(sizes)*wire.MaxRequests + i; r.Duration != time.Duration(at) || r.User != fmt.Sprintf("user-%d", at%100) {
				t.Fatalf("request %d is %v", at, r)
			}
		}
		if b.Sequence != next {
			t.Errorf("sequence %d; want %d", b.Sequence, next)
		}
		next++
		sizes = append(sizes, b.Len())
	}
	if fmt.Sprint(sizes) != fmt.Sprint([]int{wire.MaxRequests, wire.MaxRequests, 7}) {
		t.Errorf("batches of %v", sizes)
	}
	for range CSV(strings.NewReader(text.String()), Options{Instance: "import"}) {
		break // A caller may have seen enough.
	}
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(with() + "\n" + with() + "\n"))
	f.Add([]byte("{}\n\n["))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzStream(t, NDJSON, data) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("1795000000000,/users/7,GET,1500000,200,user-7\r\n\n"))
	f.Add([]byte(`1795000000001,"/a,""b""",POST,0,503,"u,7"`))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzStream(t, CSV, data) })
}

func fuzzStream(t *testing.T, read reader, data []byte) {
	_, err := drain(t, read, strings.NewReader(string(data)))
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Line < 1) {
		t.Fatalf("%T: %v", err, err)
	}
}

func BenchmarkCSV(b *testing.B) {
	var text strings.Builder
	const n = 100_000
	for i := range n {
		fmt.Fprintf(&text, "%d,/api/v1/resource%d/{id}/items,GET,%d,200,user-%d\n", 1795000000000+i, i%150, 1000000+i*7919%90000000, i*31%20000)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		for _, err := range CSV(strings.NewReader(text.String()), Options{Instance: "import"}) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
