package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func TestCSV(t *testing.T) {
	const lines = "\uFEFF1795000000000,/users/7,get,1500000,200,user-7\r\n\n" +
		`1795000000001,"/a,""b""",POST,0,503,"u,7"` + "\n" +
		"1795000000002,/c/{id},BREW,9,499,"
	got, err := drain(CSV(iotest.OneByteReader(strings.NewReader(lines))))
	if err != nil {
		t.Fatal(err)
	}
	want := []request{
		{endpoint: "/users/7", method: "get", user: "user-7", start: 1795000000000, status: 200, duration: 1500 * time.Microsecond, line: 1},
		{endpoint: `/a,"b"`, method: "POST", user: "u,7", start: 1795000000001, status: 503, line: 3},
		{endpoint: "/c/{id}", method: "BREW", start: 1795000000002, status: 499, duration: 9, line: 4},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v; want\n%v", got, want)
	}
}

func TestNDJSON(t *testing.T) {
	got, err := drain(NDJSON(strings.NewReader(with() + "\n\n" + with("service", `"orders"`) + "\n")))
	if err != nil || len(got) != 2 || got[0].service != "" || got[1].service != "orders" || got[0].start != NoTime || got[1].line != 3 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestLineErrors(t *testing.T) {
	const good = "1795000000000,/users/7,GET,1,200,u\n"
	for name, c := range map[string]struct {
		read  func(io.Reader) Reader
		input string
		want  string
	}{
		"headings":       {CSV, "start,endpoint,method,duration,status,user\n", `line 1: start: is "start"; must be Unix milliseconds`},
		"start negative": {CSV, good + "-1,/a,GET,1,200,u", "line 2: start:"},
		"start too far":  {CSV, good + "253402300800000,/a,GET,1,200,u", "line 2: start:"},
		"start huge":     {CSV, strings.Repeat("9", 60000) + ",/a,GET,1,200,u", "line 1: start:"},
		"start empty":    {CSV, ",/a,GET,1,200,u", "line 1: start:"},
		"duration":       {CSV, good + "\n\n1,/a,GET,1.5,200,u", `line 4: duration: is "1.5"; must be nanoseconds`},
		"status":         {CSV, "1,/a,GET,1,99,u", `line 1: status: is "99"; must be a number from 100 to 999`},
		"status large":   {CSV, "1,/a,GET,1,1000,u", "line 1: status:"},
		"few fields":     {CSV, "1,/a,GET,1,200", "line 1: user: is missing; a line has the 6 fields"},
		"many fields":    {CSV, "1,/a,GET,1,200,u,v", "line 1: has more than 6 fields"},
		"open quote":     {CSV, `1,"/a,GET,1,200,u`, "line 1: endpoint: has no closing quote"},
		"after quote":    {CSV, `1,"/a"b,GET,1,200,u`, "line 1: endpoint: must end after its closing quote"},
		"long line":      {CSV, good + strings.Repeat("x", maxLine+1), "line 2: is longer than 65536 bytes"},
		"NDJSON":         {NDJSON, with() + "\n" + with("method", "7"), "line 2: method: must be a string, not a number"},
		"two on a line":  {NDJSON, with() + with(), "line 1: at byte"},
		"spread":         {NDJSON, "{\n}", "line 1: the JSON ends at byte 1"},
		"array":          {NDJSON, "[" + with() + "]", "line 1: must be an object, not an array"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := drain(c.read(strings.NewReader(c.input)))
			var e *wire.FieldError
			if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), c.want) || len(err.Error()) > 300 {
				t.Errorf("%v; want %s", err, c.want)
			}
		})
	}
	broken := errors.New("disk on fire")
	_, err := drain(CSV(io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken))))
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "read line 2") {
		t.Errorf("a reader's error is %v", err)
	}
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte(with() + "\n" + with() + "\n"))
	f.Add([]byte("{}\n\n["))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzLines(t, NDJSON(bytes.NewReader(data))) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("1795000000000,/users/7,GET,1500000,200,user-7\r\n\n"))
	f.Add([]byte(`1795000000001,"/a,""b""",POST,0,503,"u,7"`))
	f.Add([]byte("endpoint,method,response_time_ms,status_code,timestamp,id\n/a,GET,1.5,200,2026-11-23 12:00:00.5+01,7\n"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzLines(t, CSV(bytes.NewReader(data))) })
}

func fuzzLines(t *testing.T, r Reader) {
	_, err := drain(r)
	var e *wire.FieldError
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
		drainAll(b, CSV(strings.NewReader(text.String())))
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// A line that is not a request is skipped, and does not repeat the previous request.
func TestLinesSkips(t *testing.T) {
	l := newLines(strings.NewReader("# a comment\n/a alice\n# another\n\n/b\n# the last"), func(line []byte, r *Request) error {
		if line[0] == '#' {
			return errNoRequest
		}
		endpoint, user, _ := bytes.Cut(line, []byte(" "))
		if r.Endpoint = endpoint; len(user) > 0 {
			r.User = user
		}
		return nil
	})
	var got []string
	for {
		var r Request
		if len(got) > 0 {
			r.User = []byte("left over")
		}
		err := l.Next(&r)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %s", r.Line, r.Endpoint, r.User))
	}
	if want := []string{"2 /a alice", "5 /b "}; !slices.Equal(got, want) {
		t.Errorf("requests are %q, want %q", got, want)
	}
}
