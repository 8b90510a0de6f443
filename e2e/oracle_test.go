package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// series identifies a row of a report.
type series struct{ service, endpoint, method string }

// event is one request that a hub was sent.
type event struct {
	series
	status   int
	start    int64 // Unix milliseconds
	duration int64 // nanoseconds
	user     string
}

// oracle keeps every event and answers exactly. It may be used by several
// goroutines.
type oracle struct {
	mu     sync.Mutex
	events []event
	sorted bool // by duration, so that a selection is sorted too
}

func (o *oracle) add(events ...event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, events...)
	o.sorted = false
}

// numbers are the numbers of a report, for a row or a whole selection. Durations are in
// milliseconds.
type numbers struct {
	Service         string
	Endpoint        string
	Method          string
	TotalRequests   int     `json:"total_requests"`
	Avg             float64 `json:"avg_response_time"`
	P50             float64 `json:"p50_response_time"`
	P95             float64 `json:"p95_response_time"`
	P99             float64 `json:"p99_response_time"`
	Max             float64 `json:"max_response_time"`
	ErrorRate       float64 `json:"error_rate"`
	ClientErrorRate float64 `json:"client_error_rate"`
}

func (n *numbers) series() series { return series{n.Service, n.Endpoint, n.Method} }

// performance is a PerformanceReport.
type performance struct {
	numbers
	Endpoints int
	Window    window
	Trust     struct {
		Samples             int
		Dropped, Overflowed uint64
	}
}

// window is the window of an answer: [From, To).
type window struct{ From, To time.Time }

func (w window) holds(start int64) bool {
	return w.From.UnixMilli() <= start && start < w.To.UnixMilli()
}

// check compares the window of an answer with that of the question: so many hours that
// end now.
func (w window) check(t *testing.T, hours int, asked time.Time) {
	t.Helper()
	if w.To.Sub(w.From) != time.Duration(hours)*time.Hour {
		t.Errorf("the window of %d hours is from %v to %v", hours, w.From, w.To)
	}
	if w.To.Before(asked.Truncate(time.Millisecond)) || w.To.After(time.Now()) {
		t.Errorf("the window ends at %v, asked at %v", w.To, asked)
	}
}

// report requests the numbers of a selection.
func (h *hub) report(hours int, filter url.Values) performance {
	h.t.Helper()
	q := maps.Clone(filter)
	if q == nil {
		q = url.Values{}
	}
	q.Set("hours", strconv.Itoa(hours))
	asked := time.Now()
	var p performance
	h.get("/metrics/performance?"+q.Encode(), &p)
	p.Window.check(h.t, hours, asked)
	return p
}

// rows requests the numbers of every series.
func (h *hub) rows(hours int) ([]numbers, window) {
	h.t.Helper()
	asked := time.Now()
	var rows []numbers
	header := h.get("/metrics/endpoints?hours="+strconv.Itoa(hours), &rows)
	w := window{instant(h.t, header, "Kymo-Window-From"), instant(h.t, header, "Kymo-Window-To")}
	w.check(h.t, hours, asked)
	return rows, w
}

func instant(t *testing.T, header http.Header, name string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, header.Get(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return at
}

// counts requests how many requests each series has.
func (h *hub) counts(hours int) map[series]int {
	h.t.Helper()
	rows, _ := h.rows(hours)
	counts := make(map[series]int, len(rows))
	for i := range rows {
		counts[rows[i].series()] += rows[i].TotalRequests
	}
	if len(counts) != len(rows) {
		h.t.Errorf("%d rows are of %d series", len(rows), len(counts))
	}
	return counts
}

// counts returns how many requests each series has, whenever they started.
func (o *oracle) counts() map[series]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := make(map[series]int)
	for i := range o.events {
		counts[o.events[i].series]++
	}
	return counts
}

// checkAll compares everything that the hub reports about the last hours: all requests,
// each service, each endpoint over all services, and each series.
func (o *oracle) checkAll(t *testing.T, h *hub, hours int) {
	t.Helper()
	o.check(t, h, hours, nil)
	endpoints := make(map[string]bool)
	for s := range o.counts() {
		endpoints[s.endpoint] = true
	}
	for name := range endpoints {
		o.check(t, h, hours, url.Values{"endpoint": {name}})
	}
	o.checkServices(t, h, hours)
	o.checkRows(t, h, hours)
}

// checkServices compares the numbers of each service.
func (o *oracle) checkServices(t *testing.T, h *hub, hours int) {
	t.Helper()
	services := make(map[string]bool)
	for s := range o.counts() {
		services[s.service] = true
	}
	for name := range services {
		o.check(t, h, hours, url.Values{"service": {name}})
	}
}

// check compares the numbers of one selection.
func (o *oracle) check(t *testing.T, h *hub, hours int, filter url.Values) {
	t.Helper()
	got := h.report(hours, filter)
	if got.Trust.Dropped != 0 || got.Trust.Overflowed != 0 || got.Trust.Samples != got.TotalRequests {
		t.Errorf("%d h, %v: of %d requests, trust is %+v", hours, filter, got.TotalRequests, got.Trust)
	}
	want := o.exactly(func(e *event) bool {
		return got.Window.holds(e.start) &&
			(!filter.Has("service") || filter.Get("service") == e.service) &&
			(!filter.Has("endpoint") || filter.Get("endpoint") == e.endpoint)
	}, func(*event) series { return series{} })
	want.of(series{}).check(t, fmt.Sprintf("%d h, %v", hours, filter), got.numbers)
}

// checkRows compares the rows, of which there must be one for each series.
func (o *oracle) checkRows(t *testing.T, h *hub, hours int) {
	t.Helper()
	rows, w := h.rows(hours)
	want := o.exactly(func(e *event) bool { return w.holds(e.start) }, func(e *event) series { return e.series })
	if len(rows) != len(want) {
		t.Errorf("%d h: %d rows, want %d", hours, len(rows), len(want))
	}
	for _, row := range rows {
		want.of(row.series()).check(t, fmt.Sprintf("%d h, row %v", hours, row.series()), row)
	}
}

// groups are exact numbers by series.
type groups map[series]*exact

func (g groups) of(s series) *exact {
	x := g[s]
	if x == nil {
		x = new(exact)
		g[s] = x
	}
	return x
}

// exactly groups the selected events.
func (o *oracle) exactly(selects func(*event) bool, group func(*event) series) groups {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.sorted {
		slices.SortFunc(o.events, func(a, b event) int { return cmp.Compare(a.duration, b.duration) })
		o.sorted = true
	}
	g := make(groups)
	for i := range o.events {
		if e := &o.events[i]; selects(e) {
			g.of(group(e)).add(e)
		}
	}
	return g
}

// exact has the exact numbers of some events.
type exact struct {
	durations            []int64 // sorted
	sum                  int64
	errors, clientErrors int
}

// add adds an event that took at least as long as the previous ones.
func (x *exact) add(e *event) {
	x.durations = append(x.durations, e.duration)
	x.sum += e.duration
	switch {
	case e.status >= 500 && e.status <= 599:
		x.errors++
	case e.status >= 400 && e.status <= 498:
		x.clientErrors++
	}
}

// errorBound is how far a reported percentile may be from the exact one.
const errorBound = 0.0055

// check compares a report's numbers with the exact ones.
func (x *exact) check(t *testing.T, what string, got numbers) {
	t.Helper()
	n := len(x.durations)
	if got.TotalRequests != n {
		t.Errorf("%s: %d requests, want %d", what, got.TotalRequests, n)
		return
	}
	if n == 0 {
		return
	}
	near := func(name string, ms, wantNS, tolerance float64) {
		t.Helper()
		if math.Abs(ms*1e6-wantNS) > tolerance {
			t.Errorf("%s: %s of %d requests is %v ms, exactly it is %v", what, name, n, ms, wantNS/1e6)
		}
	}
	for _, p := range []struct {
		name    string
		percent int
		got     float64
	}{{"p50", 50, got.P50}, {"p95", 95, got.P95}, {"p99", 99, got.P99}} {
		rank := (p.percent*n + 99) / 100
		want := float64(x.durations[rank-1])
		near(p.name, p.got, want, errorBound*want)
	}
	// One nanosecond is what a report rounds to.
	mean := float64(x.sum) / float64(n)
	near("avg", got.Avg, mean, 0.51+1e-12*mean)
	near("max", got.Max, float64(x.durations[n-1]), 0.01)
	for _, r := range []struct {
		name string
		got  float64
		of   int
	}{{"error_rate", got.ErrorRate, x.errors}, {"client_error_rate", got.ClientErrorRate, x.clientErrors}} {
		if math.Abs(r.got-float64(r.of)/float64(n)) > 1e-12 {
			t.Errorf("%s: %s is %v, want %d of %d", what, r.name, r.got, r.of, n)
		}
	}
}
