package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// get reads an answer.
func get[T any](t *testing.T, a *API, target string, headers ...string) T {
	t.Helper()
	var v T
	w := ask(a, "GET "+target, "", headers...)
	if err := json.Unmarshal(w.Body.Bytes(), &v); w.Code != http.StatusOK || err != nil {
		t.Fatalf("%s: %d, %v: %s", target, w.Code, err, w.Body)
	}
	return v
}

func sum(column []uint64) (n uint64) {
	for _, v := range column {
		n += v
	}
	return n
}

// Charts and reports of the same window agree.
func TestChartsAndReportsAgree(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	for _, question := range []string{
		"minutes=10080", "minutes=1440", "minutes=10080&service=web&endpoint=/users/{id}", "minutes=300&method=post",
		"from=2026-11-22T13:30:00Z&to=2026-11-23T11:59:59.001Z", "method=none",
	} {
		s := get[report.Series](t, a, "/api/v1/timeseries?"+question)
		m := get[report.Heatmap](t, a, "/api/v1/heatmap?"+question)
		if strings.HasPrefix(question, "method") {
			question += "&minutes=1440"
		}
		p := get[report.Performance](t, a, "/metrics/performance?"+question)
		total := s.Total
		if sum(s.Requests) != p.TotalRequests || total.Requests != p.TotalRequests || total.ErrorRate != p.ErrorRate || total.ClientErrorRate != p.ClientErrorRate ||
			m.Total != p.TotalRequests || sum(m.Distribution.Counts) != m.Total || !reflect.DeepEqual(s.Trust, p.Trust) || !reflect.DeepEqual(m.Trust, p.Trust) {
			t.Errorf("%s: series %+v, heatmap %d, report %+v", question, total, m.Total, p)
		}
		if p.TotalRequests > 0 && (*total.P95 != p.P95ResponseTime || *total.P99 != p.P99ResponseTime || *total.P50 != p.P50ResponseTime ||
			*total.Max != p.MaxResponseTime || *total.Avg != p.AvgResponseTime || *m.Distribution.P95 != p.P95ResponseTime || *m.Distribution.Max != p.MaxResponseTime) {
			t.Errorf("%s: series %+v, report %+v", question, total, p)
		}
		if (p.TotalRequests == 0) != (total.P95 == nil && total.Apdex == nil && len(m.Bounds) == 0) {
			t.Errorf("%s: %+v", question, total)
		}
		if s.Window.From != p.Window.From.UnixMilli() || s.Window.To != p.Window.To.UnixMilli() || m.Window != s.Window || s.Previous != nil {
			t.Errorf("%s: windows %v, %v, %v", question, s.Window, m.Window, p.Window)
		}
		statuses := uint64(0)
		for _, column := range s.Statuses {
			statuses += sum(column)
		}
		n := len(s.At)
		if statuses != p.TotalRequests || len(m.Counts) != n || len(m.At) != n || len(s.P95) != n || len(s.Errors) != n || s.At[0] > s.Window.From || s.At[n-1] >= s.Window.To {
			t.Errorf("%s: %d statuses, %d steps", question, statuses, n)
		}
		for i, column := range m.Counts {
			if sum(column) != s.Requests[i] {
				t.Errorf("%s: step %d has %d requests in the heatmap, %d in the series", question, i, sum(column), s.Requests[i])
			}
		}
	}
}

func TestThePreviousWindow(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	fill(t, a)
	const asked = "/api/v1/timeseries?previous=true&step=300&from=2026-11-23T06:00:00Z&to=2026-11-23T12:00:00Z"
	s := get[report.Series](t, a, asked)
	before := get[report.Series](t, a, "/api/v1/timeseries?step=300&from=2026-11-23T00:00:00Z&to=2026-11-23T06:00:00Z")
	got, _ := json.Marshal(s.Previous)
	want, _ := json.Marshal(before.Columns)
	if string(got) != string(want) || before.Total.Requests != 60 {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The time before the first kept request is unknown, rather than without requests: rates
// are over the known time, and the previous window must be known.
func TestKnownFrom(t *testing.T) {
	now := noon
	a := newAPI(storetest.NewOracle(), func(c *Config) { c.Now = func() time.Time { return now } })
	if s := get[report.Series](t, a, "/api/v1/timeseries?minutes=60"); s.KnownFrom != noon.UnixMilli() || s.Total.Rate != 0 {
		t.Errorf("of an empty hub: %+v", s)
	}
	first := noon.Add(-100 * time.Minute)
	for i := range 50 {
		body := fmt.Sprintf(`{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"timestamp":"%s"}`, first.Add(time.Duration(i)*2*time.Minute).Format(time.RFC3339))
		if w := ask(a, "POST /api/v1/requests", body); w.Code != http.StatusAccepted {
			t.Fatal(w.Body)
		}
	}
	now = now.Add(knownFromTTL)
	to := now.Truncate(5 * time.Second)
	for minutes, before := range map[int]bool{15: true, 50: true, 51: false, 60: false, 1440: false} {
		s := get[report.Series](t, a, fmt.Sprintf("/api/v1/timeseries?previous=true&minutes=%d", minutes))
		seconds := min(time.Duration(minutes)*time.Minute, to.Sub(first)).Seconds()
		if s.KnownFrom != first.UnixMilli() || (s.Previous != nil) != before || s.Total.Rate != float64(s.Total.Requests)/seconds {
			t.Errorf("%d min: known from %d, the window before %v, %d requests are %v a second; want %d, %v", minutes, s.KnownFrom, s.Previous != nil, s.Total.Requests, s.Total.Rate, first.UnixMilli(), before)
		}
	}
	if got := ask(a, "GET /metrics/endpoints", "").Header().Get("Kymo-Known-From"); got != "2026-11-23T10:20:00Z" {
		t.Errorf("endpoints: known from %s", got)
	}
}

// Apdex and the threshold of one endpoint follow its own target.
func TestApdexOfAnEndpoint(t *testing.T) {
	a := newAPI(storetest.NewOracle(), func(c *Config) {
		c.Slow = &report.Slow{Routes: []report.RouteTarget{{Endpoint: "/a", Target: 10 * time.Millisecond}}}
	})
	for _, ms := range []string{"1", "30", "500"} {
		body := `{"endpoint":"/a","method":"GET","response_time_ms":` + ms + `,"status_code":200,"timestamp":"2026-11-23T11:00:00Z"}`
		if w := ask(a, "POST /api/v1/requests", body); w.Code != http.StatusAccepted {
			t.Fatal(w.Body)
		}
	}
	for query, want := range map[string][2]float64{"": {1, 500}, "?endpoint=/a": {0.5, 10}} {
		total := get[report.Series](t, a, "/api/v1/timeseries"+query).Total
		if *total.Apdex != want[0] || total.ApdexThreshold != want[1] {
			t.Errorf("%q: %v of %v ms", query, *total.Apdex, total.ApdexThreshold)
		}
	}
}

// Equal queries share the store's answer for a while; reports by hours do not.
func TestSharedAnswers(t *testing.T) {
	st := &counting{Store: storetest.NewOracle()}
	now := noon
	a := newAPI(st, func(c *Config) { c.Now = func() time.Time { return now } })
	fill(t, a)
	for _, path := range []string{"/api/v1/timeseries", "/api/v1/heatmap", "/api/v1/users", "/metrics/endpoints", "/metrics/performance"} {
		for _, c := range []struct {
			query string
			after time.Duration
			asks  bool
		}{
			{"?minutes=60", 0, true}, {"?minutes=60", 1999 * time.Millisecond, false}, {"?minutes=60&service=web", 0, true}, {"?minutes=60", time.Millisecond, true},
			{"?minutes=61", 0, true}, {"?minutes=61", 4999 * time.Millisecond, false}, {"?minutes=61", time.Millisecond, true},
			{"?minutes=10080", 0, true}, {"?minutes=10080", 14 * time.Second, false}, {"?minutes=10080", time.Second, true},
		} {
			now = now.Add(c.after)
			before := st.asked
			w := ask(a, "GET "+path+c.query, "")
			if w.Code != http.StatusOK || (st.asked > before) != c.asks {
				t.Errorf("%s%s after %v: %d, asked the store %v", path, c.query, c.after, w.Code, st.asked > before)
			}
			tag := w.Header().Get("ETag")
			again := ask(a, "GET "+path+c.query, "", "If-None-Match", `"other", `+tag)
			if tag == "" || again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != tag || w.Header().Get("Cache-Control") != "private, no-cache" {
				t.Errorf("%s%s: tag %s, then %d %q", path, c.query, tag, again.Code, again.Body)
			}
		}
	}
	for _, path := range []string{"/metrics/endpoints?hours=24", "/metrics/performance"} {
		ask(a, "GET "+path, "") // caches the instant from which on anything is known
		before := st.asked
		ask(a, "GET "+path, "")
		if ask(a, "GET "+path, ""); st.asked != before+2 {
			t.Errorf("%s asks the store %d times", path, st.asked-before)
		}
	}
}

func TestUsers(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	var body strings.Builder
	for i := range 60 {
		user := fmt.Sprintf(`"user-%d"`, i%10/4) // four of ten by 0, four by 1, two by 2
		if i >= 50 {
			user = "null"
		}
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":%d,"status_code":%d,"user_id":%s,"timestamp":"2026-11-23T11:%02d:00Z"}`+"\n", i, []int{200, 500}[i%2], user, i)
	}
	if w := ask(a, "POST /api/v1/requests", body.String(), "Content-Type", "application/x-ndjson"); w.Code != http.StatusAccepted {
		t.Fatal(w.Body)
	}
	u := get[Users](t, a, "/api/v1/users?minutes=120&limit=2")
	at := func(minute int) int64 { return noon.Add(time.Duration(minute-60) * time.Minute).UnixMilli() }
	want := []User{
		{"user-0", 20, 10, 21.5, 43, at(43)},
		{"user-1", 20, 10, 25.5, 47, at(47)},
	}
	if fmt.Sprint(u.Users) != fmt.Sprint(want) || u.Anonymous != 10 || u.Scanned != 60 || !u.Complete || u.Reached != noon.Add(-2*time.Hour).UnixMilli() {
		t.Errorf("got %+v", u)
	}
}

func TestCardinality(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	if c := get[Cardinality](t, a, "/api/v1/cardinality"); len(c.Services) != 0 || c.ServicesCap != 8 {
		t.Errorf("got %+v", c)
	}
	fill(t, a)
	c := get[Cardinality](t, a, "/api/v1/cardinality")
	got, _ := json.Marshal(c.Services[0])
	const want = `{"service":"api","endpoints":2,"cap":1000,"overflowed":0,"others":[],"collapsed":[` +
		`{"template":"/orders/{id}","paths":50,"examples":["/orders/5","/orders/11","/orders/17","/orders/23","/orders/29"]},` +
		`{"template":"/users/{id}","paths":50,"examples":["/users/2","/users/8","/users/14","/users/20","/users/26"]}]}`
	if len(c.Services) != 2 || string(got) != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if names := get[ServiceNames](t, a, "/api/v1/services").Services; !slices.Equal(names, []string{"api", "web"}) {
		t.Errorf("services %q", names)
	}
}

func TestChartsWithoutAStore(t *testing.T) {
	a := newAPI(failing{err: store.ErrUnavailable}, nil)
	paths := []string{"timeseries", "timeseries?previous=true", "heatmap", "users", "requests", "requests?order=slowest", "requests/export"}
	for _, path := range paths {
		problem(t, ask(a, "GET /api/v1/"+path, ""), http.StatusServiceUnavailable)
	}
	if n := a.Intake.Counters.StoreFails.Load(); n != uint64(len(paths)) {
		t.Errorf("%d store errors counted", n)
	}
}
