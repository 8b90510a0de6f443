package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// keep sends the API requests, as an SDK would.
func keep(t *testing.T, a *API, sequence uint64, requests []wire.Request) {
	t.Helper()
	b := wire.NewBuilder()
	for i := range requests {
		b.Add(&requests[i])
	}
	if w := ask(a, "POST /api/v1/batches", string(b.Batch("sdk", sequence).AppendBinary(nil)), "Content-Type", wire.ContentType); w.Code != http.StatusAccepted {
		t.Fatal(w.Body)
	}
}

// mixed is requests over a day, every third with the same start, duration and series.
func mixed() []wire.Request {
	var all []wire.Request
	for i := range 600 {
		r := wire.Request{
			Key:      wire.Key{Service: "web", Endpoint: []string{"/a", "/b/{id}"}[i%2], Method: "GET", Status: []int{200, 404, 500, 503, 201}[i%5]},
			User:     []string{"", "ann", "bob"}[i%7%3],
			Start:    noon.Add(-time.Duration(i*7919%86_000+1) * time.Second).UnixMilli(),
			Duration: time.Duration(i*7919%600) * time.Millisecond,
			Size:     int64(i),
		}
		if i%3 == 0 {
			r.Start, r.Duration, r.Key = noon.Add(-time.Hour).UnixMilli(), 77*time.Millisecond, wire.Key{Service: "web", Endpoint: "/same", Method: "GET", Status: 200}
		}
		if i%10 == 0 {
			r.FirstByte = r.Duration / 2
		}
		all = append(all, r)
	}
	return all
}

// All pages together are the selected requests, in order, even if others arrive meanwhile.
func TestPagesOfRequests(t *testing.T) {
	now := noon
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Now = func() time.Time { return now } })
	all := mixed()
	keep(t, a, 1, all)
	sequence := uint64(1)
	for query, matches := range map[string]func(*wire.Request) bool{
		"":                         func(*wire.Request) bool { return true },
		"status=5xx":               func(r *wire.Request) bool { return r.Status >= 500 },
		"status=error&endpoint=/a": func(r *wire.Request) bool { return r.Status >= 500 && r.Endpoint == "/a" },
		"status=404":               func(r *wire.Request) bool { return r.Status == 404 },
		"status=2xx&user=ann":      func(r *wire.Request) bool { return r.Status < 300 && r.User == "ann" },
		"min_ms=76.5&minutes=61": func(r *wire.Request) bool {
			return r.Duration > 76*time.Millisecond && r.Start >= noon.Add(-61*time.Minute).UnixMilli()
		},
		"user=nobody":                   func(*wire.Request) bool { return false },
		"from=2026-11-23T11:00:00.001Z": func(r *wire.Request) bool { return r.Start > noon.Add(-time.Hour).UnixMilli() },
	} {
		for order, less := range map[string]func(a, b *wire.Request) int{
			"newest": func(a, b *wire.Request) int {
				return cmp.Or(cmp.Compare(b.Start, a.Start), cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.User, b.User), cmp.Compare(a.Size, b.Size))
			},
			"slowest": func(a, b *wire.Request) int {
				return cmp.Or(cmp.Compare(b.Duration, a.Duration), cmp.Compare(b.Start, a.Start), cmp.Compare(a.User, b.User), cmp.Compare(a.Size, b.Size))
			},
		} {
			now = noon
			var want []string
			chosen := slices.Clone(all)
			slices.SortFunc(chosen, func(a, b wire.Request) int { return less(&a, &b) })
			for i := range chosen {
				if r := &chosen[i]; matches(r) {
					want = append(want, fmt.Sprint(r.Size, r.Start))
				}
			}
			var got []string
			target := "/api/v1/requests?limit=37&order=" + order + "&" + query
			next := ""
			for {
				p := get[RequestPage](t, a, target+next)
				for _, r := range p.Requests {
					at, err := time.Parse(time.RFC3339, string(r.Timestamp))
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprint(r.ResponseBytes, at.UnixMilli()))
				}
				if !p.Complete || len(p.Requests) > 37 {
					t.Errorf("%s: %d requests, complete %v", target, len(p.Requests), p.Complete)
				}
				if p.Next == nil {
					break
				}
				next = "&cursor=" + *p.Next
				now = now.Add(time.Minute) // the window stays that of the first page
				sequence++
				keep(t, a, sequence, []wire.Request{{Key: wire.Key{Service: "web", Endpoint: "/a", Method: "GET", Status: 500}, Start: now.UnixMilli() - 1, Duration: time.Hour, User: "ann"}})
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d requests, want %d:\n%v\n%v", target, len(got), len(want), got, want)
			}
		}
	}
}

func TestOneRequest(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	trace, _ := wire.ParseTraceID([]byte("4bf92f3577b34da6a3ce929d0e0e4736"))
	keep(t, a, 1, []wire.Request{
		{Key: wire.Key{Service: "web", Endpoint: "/<a>", Method: "GET", Status: 200}, Start: noon.UnixMilli() - 1, Duration: 1_500_000},
		{Key: wire.Key{Service: "web", Endpoint: "/s", Method: "GET", Status: 101}, Start: noon.UnixMilli() - 2, Duration: 2_000_000, FirstByte: 1_250_000, Lifetime: time.Second, Size: 9, User: "ann",
			Process: wire.Process{Instance: "web-1", Version: "1.4"}, Error: "E", Trace: trace},
	})
	var p map[string]json.RawMessage
	if err := json.Unmarshal(ask(a, "GET /api/v1/requests", "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	const want = `[{"service":"web","endpoint":"/<a>","method":"GET","status_code":200,"response_time_ms":1.5,"first_byte_ms":null,"lifetime_ms":null,"response_bytes":0,"user_id":null,"timestamp":"2026-11-23T11:59:59.999Z","instance":"sdk","version":null,"error":null,"trace_id":null},` +
		`{"service":"web","endpoint":"/s","method":"GET","status_code":101,"response_time_ms":2,"first_byte_ms":1.25,"lifetime_ms":1000,"response_bytes":9,"user_id":"ann","timestamp":"2026-11-23T11:59:59.998Z","instance":"web-1","version":"1.4","error":"E","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}]`
	if string(p["requests"]) != want || string(p["next"]) != "null" || string(p["scanned"]) != "2" || string(p["reached"]) != fmt.Sprint(noon.Add(-24*time.Hour).UnixMilli()) {
		t.Errorf("got %s", p)
	}
}

// A cursor is valid only with the parameters that it was returned for.
func TestCursorsThatAreRefused(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	keep(t, a, 1, mixed())
	next := *get[RequestPage](t, a, "/api/v1/requests?limit=10&status=5xx").Next
	if p := get[RequestPage](t, a, "/api/v1/requests?limit=20&status=5xx&cursor="+next); len(p.Requests) != 20 {
		t.Errorf("another limit: %d requests", len(p.Requests))
	}
	for _, query := range []string{"status=4xx", "status=5xx&order=slowest", "status=5xx&minutes=60", "status=5xx&service=web"} {
		p := problem(t, ask(a, "GET /api/v1/requests?"+query+"&cursor="+next, ""), http.StatusUnprocessableEntity)
		wrongAt(t, p, "query.cursor", "belongs to other parameters")
	}
	text, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), ".")
	for i, bad := range map[int]string{0: "2", 1: "x", 2: "1", 3: "999999999999999", 5: "-1", 6: "zz"} {
		changed := slices.Clone(parts)
		changed[i] = bad
		cursor := base64.RawURLEncoding.EncodeToString([]byte(strings.Join(changed, ".")))
		p := problem(t, ask(a, "GET /api/v1/requests?status=5xx&cursor="+cursor, ""), http.StatusUnprocessableEntity)
		wrongAt(t, p, "query.cursor", "not a cursor of this route")
	}
}

func TestExport(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	all := mixed()
	all[1].User = "=HYPERLINK(\"http://evil\",\"x\")"
	all[1].Lifetime = time.Second
	keep(t, a, 1, all)
	list := get[RequestPage](t, a, "/api/v1/requests?limit=1000").Requests

	w := ask(a, "GET /api/v1/requests/export", "")
	lines, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(lines) != 601 || strings.Join(lines[0], ",") != strings.Join(exportColumns, ",") {
		t.Fatalf("%d lines, %v: %s", len(lines), err, lines[0])
	}
	if h := w.Header(); h.Get("Content-Type") != "text/csv; charset=utf-8" || h.Get("Content-Disposition") != `attachment; filename="requests-20261123-120000.csv"` {
		t.Errorf("got %v", h)
	}
	number := func(ms *float64) string {
		if ms == nil {
			return ""
		}
		return strconv.FormatFloat(*ms, 'f', -1, 64)
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	for i, r := range list {
		user := ""
		if r.UserID != nil {
			user = strings.Replace(*r.UserID, "=H", "'=H", 1)
		}
		want := []string{string(r.Timestamp), r.Service, r.Endpoint, r.Method, fmt.Sprint(r.StatusCode), number(&r.ResponseTimeMS),
			number(r.FirstByteMS), number(r.LifetimeMS), fmt.Sprint(r.ResponseBytes), user, r.Instance,
			text(r.Version), text(r.Error), text(r.TraceID)}
		if !slices.Equal(lines[i+1], want) {
			t.Errorf("line %d is %q, want %q", i+1, lines[i+1], want)
		}
	}

	w = ask(a, "GET /api/v1/requests/export?format=ndjson&limit=250&status=2xx", "")
	records := json.NewDecoder(w.Body)
	want := get[RequestPage](t, a, "/api/v1/requests?limit=250&status=2xx").Requests
	for i := range want {
		var r KeptRequest
		if err := records.Decode(&r); err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(r)
		expected, _ := json.Marshal(want[i])
		if !bytes.Equal(got, expected) {
			t.Errorf("record %d is %s, want %s", i, got, expected)
		}
	}
	if err := records.Decode(&KeptRequest{}); err != io.EOF || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("after the last: %v; %v", err, w.Header())
	}
	for _, line := range []string{"GET /api/v1/requests/export?format=ndjson&user=nobody", "HEAD /api/v1/requests/export?format=ndjson"} {
		if w := ask(a, line, ""); w.Code != http.StatusOK || w.Body.Len() != 0 || !strings.HasSuffix(w.Header().Get("Content-Disposition"), `.ndjson"`) {
			t.Errorf("%s: %d, %d bytes, %v", line, w.Code, w.Body.Len(), w.Header())
		}
	}
}

func TestHarmlessCells(t *testing.T) {
	for cell, want := range map[string]string{"": "", "a=b": "a=b", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\t=1": "'\t=1", "\r": "'\r"} {
		if got := harmless(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

// Half a file must not be mistaken for a whole one.
func TestExportsThatBreakOff(t *testing.T) {
	st := storetest.NewOracle()
	a := newAPI(st, nil)
	many := make([]wire.Request, 20_000)
	for i := range many {
		many[i] = wire.Request{Key: wire.Key{Service: "web", Endpoint: "/a", Method: "GET", Status: 200}, Start: noon.UnixMilli() - 1 - int64(i)*1000}
	}
	keep(t, a, 1, many)
	server := httptest.NewServer(a)
	defer server.Close()
	fetch := func() (lines int, err error) {
		r, err := http.Get(server.URL + "/api/v1/requests/export?" + url.Values{"from": {fmt.Sprint(noon.Add(-24 * time.Hour).UnixMilli())}}.Encode())
		if err != nil {
			return 0, err
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		return bytes.Count(b, []byte("\n")), err
	}
	if n, err := fetch(); n != 20_001 || err != nil {
		t.Errorf("%d lines, %v", n, err)
	}
	problem(t, ask(newAPI(&breaking{Store: st}, nil), "GET /api/v1/requests/export", ""), http.StatusServiceUnavailable)
	a.Store = &breaking{Store: st, left: 4}
	if n, err := fetch(); err == nil || n == 0 || n > 20_000 {
		t.Errorf("%d lines of a file that broke off, %v", n, err)
	}
}

// breaking is a store that fails after a number of parts.
type breaking struct {
	store.Store
	left int
}

func (s *breaking) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	if s.left--; s.left < 0 {
		return func(yield func(*store.Record, error) bool) { yield(nil, store.ErrUnavailable) }
	}
	return s.Store.Requests(ctx, q)
}

func TestManyExports(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for range maxExports {
		if !a.exports.take(t.Context(), nil) {
			t.Fatal("no slot")
		}
	}
	w := ask(a, "GET /api/v1/requests/export", "")
	problem(t, w, http.StatusServiceUnavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("it does not say when to come back")
	}
	a.exports.leave(nil)
	for range 2 { // each gives its place back
		if w := ask(a, "GET /api/v1/requests/export", ""); w.Code != http.StatusOK {
			t.Errorf("with room for one more: %d", w.Code)
		}
	}
}
