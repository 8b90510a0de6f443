package report

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// ragged is a window that begins and ends within steps of five minutes.
var ragged = rollup.Window{From: window.To - 7_234_567, To: window.To - 12_345}

// firstDay is one step, the one that begins at 0.
var firstDay = rollup.Window{From: 0, To: day}

const (
	fiveMinutes = int64(300_000)
	day         = int64(86_400_000)
)

// over is requests over two hours, a quarter of an hour without any, and a store with them.
func over(t *testing.T, n int, statuses []int) ([]wire.Request, store.Store) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	b := wire.NewBuilder()
	var all []wire.Request
	for i := range n {
		q := wire.Request{
			Key:      wire.Key{Service: "web", Endpoint: fmt.Sprint("/e", i%3), Method: "GET", Status: statuses[r.IntN(len(statuses))]},
			Start:    ragged.From - 60_000 + r.Int64N(ragged.To-ragged.From+120_000),
			Duration: time.Duration(math.Exp(r.NormFloat64()) * 3e8),
		}
		if gap := ragged.From + 3_000_000; q.Start >= gap && q.Start < gap+900_000 {
			continue
		}
		if i%50 == 0 {
			q.Duration, q.Endpoint = 0, wire.Other
		}
		all = append(all, q)
		b.Add(&q)
	}
	b.AddDrop(wire.Drop{Service: "web", At: ragged.From + 1, Count: 3})
	st := storetest.NewOracle()
	if _, err := st.Append(t.Context(), b.Batch("test", 1)); err != nil {
		t.Fatal(err)
	}
	return all, st
}

func stepped(t *testing.T, st store.Store, w rollup.Window, step int64) iter.Seq2[*rollup.Rollup, error] {
	return st.Rollups(t.Context(), store.RollupQuery{Window: w, Step: step})
}

// Each step of a column is computed from the requests of that step, and the total from all.
func TestColumns(t *testing.T) {
	requests, st := over(t, 4000, []int{200, 200, 200, 201, 404, wire.ClientClosed, 500, 503})
	slow := &Slow{Target: 300 * time.Millisecond, MinSamples: 10_000, Routes: []RouteTarget{{"/e1", time.Second}}}
	c, err := ReadColumns(stepped(t, st, ragged, fiveMinutes), ragged, fiveMinutes, slow, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var all, satisfied, tolerating, errs, clientErrs uint64
	var others uint64
	empty := 0
	for i, at := range c.At {
		if at%fiveMinutes != 0 || i > 0 && at != c.At[i-1]+fiveMinutes {
			t.Errorf("step %d begins at %d", i, at)
		}
		var durations []int64
		sum, e, ce := 0.0, uint64(0), uint64(0)
		statuses := make(map[string]uint64)
		for _, r := range requests {
			if !ragged.Contains(r.Start) || r.Start < at || r.Start >= at+fiveMinutes {
				continue
			}
			durations = append(durations, int64(r.Duration))
			sum += float64(r.Duration)
			statuses[strconv.Itoa(r.Status)]++
			failed := r.Status >= 500
			switch {
			case failed:
				e++
			case r.Status == 404:
				ce++
			}
			// The bucket's bound decides, as close as it is to the target.
			within := func(ms int64) bool {
				return r.Duration == 0 || hist.Index(int64(r.Duration)) <= hist.Index(ms*1e6)
			}
			if !failed && within(300) {
				satisfied++
			} else if !failed && within(1200) {
				tolerating++
			}
			if r.Endpoint == wire.Other {
				others++
			}
		}
		n := uint64(len(durations))
		all, errs, clientErrs = all+n, errs+e, clientErrs+ce
		if c.Requests[i] != n || c.Errors[i] != e || c.ClientErrors[i] != ce {
			t.Errorf("step %d: %d requests, %d and %d errors; want %d, %d and %d", i, c.Requests[i], c.Errors[i], c.ClientErrors[i], n, e, ce)
		}
		for code, column := range c.Statuses {
			if column[i] != statuses[code] {
				t.Errorf("step %d: %d answers with %s, want %d", i, column[i], code, statuses[code])
			}
		}
		if n == 0 {
			empty++
			if c.P50[i] != nil || c.P95[i] != nil || c.P99[i] != nil || c.Max[i] != nil || c.Avg[i] != nil {
				t.Errorf("step %d has durations without requests", i)
			}
			continue
		}
		slices.Sort(durations)
		within(t, "p50", *c.P50[i], exact(durations, 0.5))
		within(t, "p95", *c.P95[i], exact(durations, 0.95))
		within(t, "p99", *c.P99[i], exact(durations, 0.99))
		if *c.Max[i] != exact(durations, 1) || math.Abs(*c.Avg[i]-sum/float64(n)/1e6) > 1e-5 {
			t.Errorf("step %d: max %v and mean %v", i, *c.Max[i], *c.Avg[i])
		}
	}
	if empty == 0 || empty > 4 {
		t.Errorf("%d steps without requests", empty)
	}
	total := c.Total
	if total.Requests != all || total.Errors != errs || total.ClientErrors != clientErrs || total.ErrorRate != float64(errs)/float64(all) ||
		total.ClientErrorRate != float64(clientErrs)/float64(all) || !total.InsufficientData ||
		math.Abs(total.Rate-float64(all)/(float64(ragged.To-ragged.From)/1000)) > 1e-9 {
		t.Errorf("got %+v", total)
	}
	if want := (float64(satisfied) + float64(tolerating)/2) / float64(all); math.Abs(*total.Apdex-want) > 1e-12 || total.ApdexThreshold != 300 {
		t.Errorf("Apdex %v of %v ms, want %v", *total.Apdex, total.ApdexThreshold, want)
	}
	if c.Trust.Samples != all || c.Trust.Dropped != 3 || c.Trust.Overflowed != others || c.Trust.ErrorBound != hist.MaxRelativeError || c.Window != Span(ragged) {
		t.Errorf("got %+v %+v", c.Trust, c.Window)
	}
	if c, _ = ReadColumns(stepped(t, st, ragged, fiveMinutes), ragged, fiveMinutes, slow, "/e1", 0); c.Total.ApdexThreshold != 1000 {
		t.Errorf("the threshold of an endpoint with a target of its own is %v", c.Total.ApdexThreshold)
	}
}

// A hand-made example: T is 500 ms; of eight, three are satisfied, two tolerating,
// one frustrated, and two are errors, however fast.
func TestApdexByHand(t *testing.T) {
	k := rollup.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 200}
	failed := k
	failed.Status = 500
	v := values{k: {0, 1e6, 499e6, 600e6, 1900e6, 2100e6}, failed: {1e6, 700e6}}
	c, err := ReadColumns(v.rollups(nil), firstDay, day, &Slow{}, "", 0)
	if err != nil || *c.Total.Apdex != (3+2.0/2)/8 {
		t.Errorf("got %v, %v", *c.Total.Apdex, err)
	}
	c, err = ReadColumns(values{}.rollups(nil), window, fiveMinutes, &Slow{}, "", 0)
	if err != nil || c.Total.Apdex != nil || c.Total.P95 != nil || len(c.At) != 288 || len(c.Statuses) != 0 {
		t.Errorf("without requests: %+v, %v", c.Total, err)
	}
}

func TestRareStatusesAreOne(t *testing.T) {
	v := make(values)
	for code := 400; code < 430; code++ {
		v[rollup.Key{Service: "web", Endpoint: "/", Method: "GET", Status: code}] = make([]int64, code)
	}
	c, err := ReadColumns(v.rollups(nil), firstDay, day, &Slow{}, "", 0)
	if err != nil || len(c.Statuses) != 21 || c.Statuses["410"][0] != 410 || c.Statuses["409"] != nil || c.Statuses["other"][0] != 10*(400+409)/2 {
		t.Errorf("%v: %v", err, c.Statuses)
	}
}

// The counts of each step are those of its requests, row by row.
func TestHeatmap(t *testing.T) {
	requests, st := over(t, 4000, []int{200, 500})
	m, err := ReadHeatmap(stepped(t, st, ragged, fiveMinutes), ragged, fiveMinutes, &Slow{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Counts) != len(m.At) || len(m.Bounds) > 64 || m.Step != 300 {
		t.Fatalf("%d columns of %d, %d rows", len(m.Counts), len(m.At), len(m.Bounds))
	}
	for i := 1; i < len(m.Bounds); i++ {
		if ratio := m.Bounds[i] / m.Bounds[i-1]; math.Abs(ratio-math.Pow(2, 0.25)) > 1e-3 {
			t.Errorf("bound %d is %v times the one before", i, ratio)
		}
	}
	want := make([][]uint64, len(m.At))
	distribution := make([]uint64, len(m.Bounds))
	for i := range want {
		want[i] = make([]uint64, len(m.Bounds))
	}
	total := uint64(0)
	for _, r := range requests {
		if !ragged.Contains(r.Start) {
			continue
		}
		row, _ := slices.BinarySearch(m.Bounds, float64(r.Duration)/1e6)
		column := (r.Start - m.At[0]) / fiveMinutes
		want[column][row]++
		distribution[row]++
		total++
	}
	if fmt.Sprint(m.Counts) != fmt.Sprint(want) || fmt.Sprint(m.Distribution.Counts) != fmt.Sprint(distribution) || m.Total != total {
		t.Errorf("%v %v %d, want %v %v %d", m.Counts, m.Distribution.Counts, m.Total, want, distribution, total)
	}
	if distribution[0] == 0 || distribution[len(distribution)-1] == 0 {
		t.Error("the first row or the last holds nothing")
	}
}

func TestRowsOfHeatmaps(t *testing.T) {
	k := rollup.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 200}
	for name, c := range map[string]struct {
		durations []int64
		rows      int
		bounds    []float64
	}{
		"nothing":       {nil, 0, nil},
		"zeros":         {[]int64{0, 0}, 1, []float64{0.000001}},
		"one":           {[]int64{0, 1 << 20}, 1, []float64{1.048576}},
		"a nanosecond":  {[]int64{1, 2}, 5, nil},
		"all there are": {[]int64{1, int64(wire.MaxDuration)}, 52, nil},
	} {
		m, err := ReadHeatmap(values{k: c.durations}.rollups(nil), firstDay, day, &Slow{})
		if err != nil || len(m.Bounds) != c.rows || c.bounds != nil && !slices.Equal(m.Bounds, c.bounds) {
			t.Errorf("%s: %v, %v", name, m.Bounds, err)
		}
		sum := uint64(0)
		for _, n := range m.Distribution.Counts {
			sum += n
		}
		if sum != uint64(len(c.durations)) {
			t.Errorf("%s: %d requests in rows", name, sum)
		}
	}
}

func TestChartsFailAsTheIterator(t *testing.T) {
	broken := errors.New("broken")
	fails := func(yield func(*rollup.Rollup, error) bool) { yield(nil, broken) }
	if _, err := ReadColumns(fails, window, fiveMinutes, &Slow{}, "", 0); !errors.Is(err, broken) {
		t.Errorf("ReadColumns: %v", err)
	}
	if _, err := ReadHeatmap(fails, window, fiveMinutes, &Slow{}); !errors.Is(err, broken) {
		t.Errorf("ReadHeatmap: %v", err)
	}
}
