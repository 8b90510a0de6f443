package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/goldentest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

var window = rollup.LastHours(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), 24)

// values are requests by series, in nanoseconds.
type values map[rollup.Key][]int64

// rollups yields them as a store does: one rollup, valid until the next.
func (v values) rollups(drops map[string]uint64) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		var r rollup.Rollup
		for k, durations := range v {
			r.Key = k
			r.Durations.Reset()
			for _, d := range durations {
				r.Durations.Record(d)
			}
			if !yield(&r, nil) {
				return
			}
		}
		for service, n := range drops {
			if !yield(&rollup.Rollup{Key: rollup.Key{Service: service}, Dropped: n}, nil) {
				return
			}
		}
	}
}

func read(t testing.TB, v values, drops map[string]uint64, slow *Slow) *Summary {
	t.Helper()
	s, err := Read(v.rollups(drops), window, slow)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sample has endpoints with log-normal durations and several statuses each.
func sample(endpoints, requests int) values {
	r := rand.New(rand.NewPCG(1, 2))
	v := make(values)
	for e := range endpoints {
		mu := math.Log(2 + 60*r.Float64())
		for i := range requests {
			status := []int{200, 404, 503}[[]int{0, 0, 0, 0, 1, 2}[i%6]]
			k := rollup.Key{Service: "web", Endpoint: fmt.Sprintf("/r%d/{id}", e), Method: "GET", Status: status}
			v[k] = append(v[k], int64(1e6*math.Exp(mu+r.NormFloat64())))
		}
	}
	return v
}

// exact is the nearest-rank percentile in milliseconds.
func exact(sorted []int64, q float64) float64 {
	return float64(sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]) / 1e6
}

func within(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > want*0.0055 {
		t.Errorf("%s is %v; want %v within 0.55 %%", what, got, want)
	}
}

func TestNumbersAgainstAnExactOracle(t *testing.T) {
	v := sample(40, 3000)
	s := read(t, v, nil, &Slow{})
	defer s.Free()
	rows := ByName.Sort(s.Endpoints(), 0)
	if len(rows) != 40 {
		t.Fatalf("%d rows", len(rows))
	}
	byEndpoint := make(map[string][]int64)
	var total []int64
	for k, d := range v {
		byEndpoint[k.Endpoint] = append(byEndpoint[k.Endpoint], d...)
		total = append(total, d...)
	}
	check := func(name string, d []int64, avg, p50, p95, p99, longest float64) {
		slices.Sort(d)
		sum := int64(0)
		for _, x := range d {
			sum += x
		}
		if mean := float64(sum) / float64(len(d)) / 1e6; math.Abs(avg-mean) > 1e-6 {
			t.Errorf("%s: mean %v; want %v", name, avg, mean)
		}
		within(t, name+" p50", p50, exact(d, 0.50))
		within(t, name+" p95", p95, exact(d, 0.95))
		within(t, name+" p99", p99, exact(d, 0.99))
		if longest != exact(d, 1) {
			t.Errorf("%s: max %v; want %v", name, longest, exact(d, 1))
		}
	}
	share := 0.0
	for _, e := range rows {
		check(e.Endpoint, byEndpoint[e.Endpoint], e.AvgResponseTime, e.P50ResponseTime, e.P95ResponseTime, e.P99ResponseTime, e.MaxResponseTime)
		if e.TotalRequests != 3000 || e.ErrorRate != 1.0/6 || e.ClientErrorRate != 1.0/6 || e.InsufficientData {
			t.Errorf("got %+v", e)
		}
		share += e.TimeShare
	}
	if math.Abs(share-1) > 1e-9 {
		t.Errorf("the shares of time are %v together", share)
	}
	p := s.Performance()
	check("all", total, p.AvgResponseTime, p.P50ResponseTime, p.P95ResponseTime, p.P99ResponseTime, p.MaxResponseTime)
	if p.TotalRequests != 120_000 || p.Endpoints != 40 || len(p.SlowestEndpoints) != Slowest {
		t.Errorf("got %+v", p)
	}
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int][2]float64{
		100: {0, 0}, 200: {0, 0}, 399: {0, 0}, 400: {0, 1}, 404: {0, 1}, 498: {0, 1}, wire.ClientClosed: {0, 0},
		500: {1, 0}, 599: {1, 0}, 600: {0, 0}, 999: {0, 0},
	} {
		s := read(t, values{{Service: "a", Endpoint: "/", Method: "GET", Status: status}: {1}}, nil, &Slow{})
		p := s.Performance()
		if got := [2]float64{p.ErrorRate, p.ClientErrorRate}; got != want {
			t.Errorf("status %d: error and client error rate %v; want %v", status, got, want)
		}
		s.Free()
	}
}

func many(n int, ms float64) []int64 {
	d := make([]int64, n)
	for i := range d {
		d[i] = int64(ms * 1e6)
	}
	return d
}

func TestSlow(t *testing.T) {
	rule := &Slow{Routes: []RouteTarget{{"/reports/{id}", 5 * time.Second}, {"/fast", time.Millisecond}}}
	for name, c := range map[string]struct {
		endpoint string
		d        []int64
		rule     *Slow
		want     string
	}{
		"over":           {"/a", many(1204, 812), rule, "p95 812 ms over target 500 ms (1,204 samples)"},
		"at the target":  {"/a", many(1204, 500), rule, ""},
		"just over":      {"/a", many(1_234_567, 500.2), rule, "p95 500.2 ms over target 500 ms (1,234,567 samples)"},
		"one nanosecond": {"/a", many(20, 500.000001), rule, "p95 500.000001 ms over target 500 ms (20 samples)"},
		"few":            {"/a", many(19, 812), rule, ""},
		"enough":         {"/a", many(20, 812), rule, "p95 812 ms over target 500 ms (20 samples)"},
		"route's own":    {"/reports/{id}", many(20, 812), rule, ""},
		"over its own":   {"/reports/{id}", many(20, 6000), rule, "p95 6 s over target 5 s (20 samples)"},
		"fast":           {"/fast", many(100, 1.5), rule, "p95 1.5 ms over target 1 ms (100 samples)"},
		"other rule":     {"/a", many(3, 0.25), &Slow{Target: 100 * time.Microsecond, MinSamples: 3}, "p95 0.25 ms over target 0.1 ms (3 samples)"},
	} {
		s := read(t, values{{Service: "s", Endpoint: c.endpoint, Method: "GET", Status: 200}: c.d}, nil, c.rule)
		rows := s.Endpoints()
		if rows[0].SlowReason != c.want || rows[0].Slow != (c.want != "") {
			t.Errorf("%s: %v %q; want %q", name, rows[0].Slow, rows[0].SlowReason, c.want)
		}
		if p := s.Performance(); (p.SlowEndpoints == 1) != (c.want != "") {
			t.Errorf("%s: %d slow endpoints", name, p.SlowEndpoints)
		}
		s.Free()
	}
}

func TestOrders(t *testing.T) {
	v := values{
		{Service: "a", Endpoint: "/many", Method: "GET", Status: 200}:    many(100, 1),
		{Service: "a", Endpoint: "/long", Method: "GET", Status: 200}:    append(many(50, 9), many(1, 5000)...),
		{Service: "a", Endpoint: "/steady", Method: "GET", Status: 200}:  many(10, 60),
		{Service: "a", Endpoint: "/failing", Method: "GET", Status: 500}: many(9, 2),
		{Service: "a", Endpoint: "/missing", Method: "GET", Status: 404}: many(9, 2),
		{Service: "b", Endpoint: "/missing", Method: "GET", Status: 404}: many(9, 2),
		{Service: "b", Endpoint: "/missing", Method: "PUT", Status: 404}: many(9, 2),
	}
	first := map[Order]string{
		ByName: "a/failing GET", ByRequests: "a/many GET", "": "a/many GET", ByAvg: "a/long GET", ByP50: "a/steady GET", ByP95: "a/steady GET",
		ByP99: "a/long GET", ByMax: "a/long GET", ByErrorRate: "a/failing GET", ByClientError: "a/missing GET", ByTimeShare: "a/long GET",
	}
	for _, by := range append(Orders, "") {
		s := read(t, v, nil, &Slow{})
		all := s.Endpoints()
		rows := by.Sort(all, 3)
		if got := rows[0].Service + rows[0].Endpoint + " " + rows[0].Method; got != first[by] || len(rows) != 3 || len(all) != 7 {
			t.Errorf("by %q: %s first, %d of %d; want %s", by, got, len(rows), len(all), first[by])
		}
		s.Free()
	}
	s := read(t, v, nil, &Slow{})
	defer s.Free()
	rows := ByClientError.Sort(s.Endpoints(), 0)
	if rows[1].Service != "b" || rows[1].Method != "GET" || rows[2].Method != "PUT" {
		t.Errorf("equal rows are not by name: %v", rows[:3])
	}
}

func TestNothingToReport(t *testing.T) {
	s := read(t, nil, nil, &Slow{})
	defer s.Free()
	p := s.Performance()
	if p.TotalRequests != 0 || p.P99ResponseTime != 0 || p.ErrorRate != 0 || !p.Trust.InsufficientData {
		t.Errorf("got %+v", p)
	}
	if b, _ := json.Marshal(p); !strings.Contains(string(b), `"slowest_endpoints":[]`) {
		t.Errorf("got %s", b)
	}
}

func TestErrorsOfTheStore(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := Read(func(yield func(*rollup.Rollup, error) bool) { yield(nil, broken) }, window, &Slow{})
	if !errors.Is(err, broken) {
		t.Errorf("Read = %v", err)
	}
}

func TestErrorBoundOfCoarserHistograms(t *testing.T) {
	var h hist.Histogram
	if errorBound(&h) != hist.MaxRelativeError {
		t.Error("at scale 6")
	}
	h.Downscale(3)
	if got := errorBound(&h); math.Abs(got-0.0433) > 1e-4 {
		t.Errorf("at scale 3: %v; want the 4.33 %% of Prometheus' default", got)
	}
}

// The summary's memory is reused, without traces of the previous one.
func TestSummariesDoNotLeak(t *testing.T) {
	for range 3 {
		s := read(t, sample(5, 60), map[string]uint64{"web": 5}, &Slow{})
		s.Performance()
		s.Free()
	}
	s := read(t, values{{Service: "z", Endpoint: "/", Method: "GET", Status: 200}: {1000}}, nil, &Slow{})
	defer s.Free()
	if p := s.Performance(); p.TotalRequests != 1 || p.MaxResponseTime != 0.001 || p.Trust.Dropped != 0 || p.Endpoints != 1 {
		t.Errorf("got %+v", p)
	}
}

func TestGoldenReport(t *testing.T) {
	v := values{
		{Service: "orders", Endpoint: "/orders/{id}", Method: "GET", Status: 200}: many(1000, 12.5),
		{Service: "orders", Endpoint: "/orders/{id}", Method: "GET", Status: 404}: many(40, 1.25),
		{Service: "orders", Endpoint: "/orders", Method: "POST", Status: 201}:     many(150, 640),
		{Service: "orders", Endpoint: "/orders", Method: "POST", Status: 503}:     many(10, 2000),
		{Service: "orders", Endpoint: "/orders", Method: "POST", Status: 499}:     many(3, 30_000),
		{Service: "users", Endpoint: wire.Other, Method: "GET", Status: 200}:      many(7, 3),
		{Service: "users", Endpoint: wire.Unmatched, Method: "GET", Status: 404}:  many(5, 0.1),
	}
	s := read(t, v, map[string]uint64{"orders": 17, "users": 1}, &Slow{})
	defer s.Free()
	got, err := json.MarshalIndent(s.Performance(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldentest.Compare(t, "testdata/performance.json", string(got)+"\n")
}

func BenchmarkEndpoints(b *testing.B) {
	v := sample(150, 6000)
	var rollups []*rollup.Rollup
	for r := range v.rollups(nil) {
		c := &rollup.Rollup{Key: r.Key, Durations: *r.Durations.Clone()}
		rollups = append(rollups, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Read(func(yield func(*rollup.Rollup, error) bool) {
			for _, r := range rollups {
				yield(r, nil)
			}
		}, window, &Slow{})
		if err != nil {
			b.Fatal(err)
		}
		ByP95.Sort(s.Endpoints(), 0)
		s.Free()
	}
}

// What a report rounds to must not cost the bound on the error, however short
// the requests are.
func TestShortDurationsWithinTheBound(t *testing.T) {
	k := rollup.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 200}
	step := int64(1)
	if testing.Short() {
		step = 7 // which divides no power of two or ten
	}
	for ns := int64(1); ns < 20_000; ns += step {
		// The extremes are exact; what lies between them is not.
		s := read(t, values{k: {1, ns, ns, 1_000_000}}, nil, &Slow{})
		within(t, fmt.Sprintf("p50 of %d ns", ns), s.Performance().P50ResponseTime, float64(ns)/1e6)
		s.Free()
	}
}
