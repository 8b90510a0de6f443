package report

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// span is a result of an instance.
func span(instance string, status health.Status, from, to int64) *store.HealthRecord {
	r := &store.HealthRecord{Instance: instance}
	r.Check, r.Status, r.From, r.To = "redis", status, from, to
	if status != health.Healthy {
		r.Reason = fmt.Sprintf("%v since %d", status, from)
	}
	return r
}

func each(records []*store.HealthRecord) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func shown(segments []segment) string {
	s := ""
	for _, x := range segments {
		s += fmt.Sprintf("%d %v %d; ", x.from, x.status, x.to)
	}
	return strings.TrimSuffix(s, "; ")
}

func TestTimeline(t *testing.T) {
	const h, g, d = health.Healthy, health.Degraded, health.Down
	for _, c := range []struct {
		name    string
		records []*store.HealthRecord
		want    string
	}{
		{"nothing", nil, ""},
		{"one", []*store.HealthRecord{span("a", h, 10, 90)}, "10 healthy 90"},
		{"spans that follow each other", []*store.HealthRecord{span("a", h, 10, 40), span("a", h, 40, 80), span("a", d, 80, 95)}, "10 healthy 80; 80 down 95"},
		{"news without a length", []*store.HealthRecord{span("a", h, 10, 10), span("a", h, 10, 95)}, "10 healthy 95"},
		{"news after what it became", []*store.HealthRecord{span("a", h, 10, 95), span("a", h, 10, 10)}, "10 healthy 95"},
		{"news that nothing follows yet", []*store.HealthRecord{span("a", h, 10, 95), span("a", d, 95, 95)}, "10 healthy 95; 95 down 96"},
		{"a gap that is bridged", []*store.HealthRecord{span("a", h, 10, 40), span("a", d, 45, 95)}, "10 healthy 45; 45 down 95"},
		{"a gap that is not", []*store.HealthRecord{span("a", h, 10, 40), span("a", h, 51, 95)}, "10 healthy 40; 40 unknown 51; 51 healthy 95"},
		{"a gap at the end", []*store.HealthRecord{span("a", h, 10, 40)}, "10 healthy 40; 40 unknown 100"},
		{"a restart under another name", []*store.HealthRecord{span("a", h, 10, 40), span("b", h, 48, 95)}, "10 healthy 95"},
		{"the worst of two", []*store.HealthRecord{span("a", h, 0, 100), span("b", d, 20, 40), span("b", g, 40, 50), span("b", h, 50, 100)}, "0 healthy 20; 20 down 40; 40 degraded 50; 50 healthy 100"},
		{"beyond the window", []*store.HealthRecord{span("a", h, -50, 40), span("a", d, 40, 200)}, "0 healthy 40; 40 down 100"},
		{"before the window alone", []*store.HealthRecord{span("a", h, -50, -20)}, ""},
	} {
		if got := shown(timeline(c.records, rollup.Window{From: 0, To: 100}, 10)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLatest(t *testing.T) {
	const h, d = health.Healthy, health.Down
	for _, c := range []struct {
		name    string
		records []*store.HealthRecord
		status  health.Status
		since   int64
	}{
		{"nothing", nil, health.Unknown, 0},
		{"since the beginning of the window at least", []*store.HealthRecord{span("a", h, -5, 40_000), span("a", h, 40_000, 80_000)}, h, 0},
		{"since a transition", []*store.HealthRecord{span("a", h, 10, 40_000), span("a", d, 40_000, 80_000)}, d, 40_000},
		{"over a restart", []*store.HealthRecord{span("a", d, 10, 40_000), span("b", d, 55_000, 80_000)}, d, 10},
		{"since a gap", []*store.HealthRecord{span("a", d, 10, 40_000), span("b", d, 55_001, 80_000)}, d, 55_001},
		{"long ago", []*store.HealthRecord{span("a", d, 10, 40_000)}, d, 10},
	} {
		if status, since := Latest(c.records, rollup.Window{From: 0, To: 200_000}); status != c.status || since != c.since {
			t.Errorf("%s: %v since %d, want %v since %d", c.name, status, since, c.status, c.since)
		}
	}
}

// The answers are compared with an oracle that considers each millisecond.
func TestTimelineEqualsTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	window := rollup.Window{From: 0, To: 120}
	for range 3000 {
		var records []*store.HealthRecord
		for i := range 1 + r.IntN(3) {
			at := r.Int64N(80) - 20
			for range r.IntN(6) {
				to := at + 1 + r.Int64N(25)
				records = append(records, span(fmt.Sprint(i), health.Status(1+r.IntN(3)), at, to))
				if at = to; r.IntN(3) == 0 {
					at += r.Int64N(30)
				}
			}
		}
		slices.SortStableFunc(records, func(a, b *store.HealthRecord) int { return int(a.From - b.From) })
		q := store.HealthQuery{Window: window} // what a store gives
		records = slices.DeleteFunc(records, func(r *store.HealthRecord) bool { return !q.Selects(&r.HealthResult) })
		bridge := r.Int64N(12)
		var want []segment
		for _, s := range perMillisecond(records, window, bridge) {
			want = join(want, s)
		}
		if got := timeline(records, window, bridge); shown(got) != shown(want) {
			var in []string
			for _, r := range records {
				in = append(in, fmt.Sprintf("%s %d %v %d", r.Instance, r.From, r.Status, r.To))
			}
			t.Fatalf("bridge %d, %q:\n%s, want\n%s", bridge, in, shown(got), shown(want))
		}
	}
}

// perMillisecond returns the timeline as a segment for each known millisecond.
func perMillisecond(records []*store.HealthRecord, window rollup.Window, bridge int64) []segment {
	const before = 200
	status := make([]health.Status, before+window.To) // from -before on
	for _, r := range records {
		end := r.To
		for _, next := range records {
			if next.Instance == r.Instance && next.From >= r.To && next.From-r.To <= bridge {
				end = max(end, next.From)
				break
			}
		}
		for at := r.From; at < end && at < window.To; at++ {
			status[before+at] = max(status[before+at], r.Status)
		}
	}
	known := func(at int64) bool { return status[before+at] != health.Unknown }
	filled := slices.Clone(status)
	for at := int64(-before + 1); at < window.To; at++ {
		if known(at) || filled[before+at-1] == health.Unknown && !known(at-1) && filled[before+at-1] == status[before+at-1] {
			continue
		}
		// A gap begins here; its end decides.
		end := at
		for end < window.To && !known(end) {
			end++
		}
		if end < window.To && end-at <= bridge && known(at-1) {
			for i := at; i < end; i++ {
				filled[before+i] = status[before+at-1]
			}
		}
	}
	last := window.To
	for last > 0 && !known(last-1) {
		last--
	}
	if window.To-last > bridge {
		last = window.To
	}
	var segments []segment
	for at := window.From; at < last; at++ {
		if s := filled[before+at]; s != health.Unknown || len(segments) > 0 {
			segments = append(segments, segment{from: at, to: at + 1, status: s})
		}
	}
	return segments
}

func TestHistory(t *testing.T) {
	hour := time.Hour.Milliseconds()
	window := rollup.Window{From: 0, To: 2 * hour}
	records := []*store.HealthRecord{span("a", health.Healthy, 0, hour), span("a", health.Down, hour, hour+hour/2), span("a", health.Healthy, hour+hour/2, 2*hour)}
	for i, r := range records {
		for k := range int64(100) {
			r.Latency.Record((k + 1) * 1e6)
		}
		r.Failures = []uint64{0, 100, 1}[i]
	}
	records[1].Details, records[1].Flapping = `{"a":1}`, true
	records[2].Reason = "a blip"
	h, err := ReadHistory("redis", each(records), window, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != "redis" || h.Status != "healthy" || *h.UptimePercent != 75 || h.KnownPercent != 100 || h.HealthyPercent != 75 ||
		h.DegradedPercent != 0 || h.DownPercent != 25 || h.Checks != 300 || h.Failures != 101 || h.Window.Hours != 2 {
		t.Errorf("got %+v", h)
	}
	if near := func(got, want float64) bool { return got > want*0.994 && got < want*1.006 }; !near(h.P50ResponseTime, 50) ||
		!near(h.P95ResponseTime, 95) || !near(h.P99ResponseTime, 99) || h.MaxResponseTime != 100 || h.AvgResponseTime != 50.5 {
		t.Errorf("got %+v", h)
	}
	at := func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
	want := []Transition{
		{At: at(hour + hour/2), From: "down", To: "healthy", LastedMS: hour / 2},
		{At: at(hour), From: "healthy", To: "down", Reason: fmt.Sprintf("down since %d", hour), Flapping: true, Details: []byte(`{"a":1}`), LastedMS: hour / 2},
	}
	if fmt.Sprintf("%+v", h.Transitions) != fmt.Sprintf("%+v", want) || h.TransitionsTotal != 2 {
		t.Errorf("%+v, want %+v", h.Transitions, want)
	}
	stretches := []Stretch{
		{From: 0, To: hour, Status: "healthy"}, {From: hour, To: hour + hour/2, Status: "down", Reason: fmt.Sprintf("down since %d", hour)},
		{From: hour + hour/2, To: 2 * hour, Status: "healthy"},
	}
	if !slices.Equal(h.Segments, stretches) {
		t.Errorf("%v, want %v", h.Segments, stretches)
	}
	if h, _ := ReadHistory("redis", each(records), window, 1, nil); len(h.Transitions) != 1 || h.TransitionsTotal != 2 || !slices.Equal(h.Segments, stretches) {
		t.Errorf("limited: %+v", h)
	}
	empty, err := ReadHistory("redis", each(nil), window, 10, nil)
	if err != nil || empty.UptimePercent != nil || empty.Status != "unknown" || empty.Transitions == nil || empty.Segments == nil || empty.KnownPercent != 0 {
		t.Errorf("got %+v, %v", empty, err)
	}
	broken := errors.New("the disk is gone")
	_, err = ReadHistory("redis", func(yield func(*store.HealthRecord, error) bool) { yield(nil, broken) }, window, 10, nil)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

// What explains a status is that of the first result which names it.
func TestHistoryOfWhatIsExplained(t *testing.T) {
	records := []*store.HealthRecord{
		span("a", health.Healthy, 0, 20), span("a", health.Down, 20, 20), span("a", health.Down, 20, 40), span("a", health.Down, 40, 60),
		span("a", health.Healthy, 60, 80), span("a", health.Degraded, 80, 100),
	}
	records[3].Details = `{"explained_by":"database"}`
	records[4].Details = `{"explained_by":"of another run"}`
	h, err := readHistory("redis", each(records), rollup.Window{From: 0, To: 100}, 9, 10, nil)
	want := []Stretch{
		{From: 0, To: 20, Status: "healthy"}, {From: 20, To: 60, Status: "down", Reason: "down since 20; explained by database", ExplainedBy: "database"},
		{From: 60, To: 80, Status: "healthy"}, {From: 80, To: 100, Status: "degraded", Reason: "degraded since 80"},
	}
	if err != nil || !slices.Equal(h.Segments, want) {
		t.Errorf("got %+v, want %+v; %v", h.Segments, want, err)
	}
	for i, tr := range h.Transitions {
		if s := want[len(want)-1-i]; tr.Reason != s.Reason || tr.ExplainedBy != s.ExplainedBy {
			t.Errorf("got %+v, want %+v", tr, s)
		}
	}
	// The present status has the cause in its reason.
	records[2].Details, records[2].Reason = records[3].Details, "refused; explained by database, which has been down since 12:00 UTC"
	if h, _ := readHistory("redis", each(records), rollup.Window{From: 0, To: 100}, 9, 10, nil); h.Segments[1].Reason != records[2].Reason {
		t.Errorf("got %q", h.Segments[1].Reason)
	}
}

// Time in maintenance is marked, and in no share: compared with an oracle that considers
// each millisecond.
func TestMaintenanceEqualsTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	window := rollup.Window{From: 10, To: 130}
	for range 3000 {
		var records []*store.HealthRecord
		for at := r.Int64N(30); at < 120 && len(records) < 9; {
			to := at + 1 + r.Int64N(25)
			records = append(records, span("a", health.Status(1+r.IntN(3)), at, to))
			if at = to; r.IntN(3) == 0 {
				at += r.Int64N(30)
			}
		}
		var windows []Maintenance
		for at := window.From + r.Int64N(20); at < window.To && len(windows) < 5; {
			m := Maintenance{fmt.Sprint("w", len(windows)), at, min(at+1+r.Int64N(40), window.To)}
			windows = append(windows, m)
			if at = m.To; r.IntN(3) > 0 {
				at += r.Int64N(30)
			}
		}
		in := func(at int64) string {
			for _, m := range windows {
				if m.From <= at && at < m.To {
					return m.Name
				}
			}
			return ""
		}
		var want []Stretch
		var spent [4]int64
		outside := int64(0)
		for _, s := range timeline(records, window, 5) {
			for at := s.from; at < s.to; at++ {
				one := Stretch{From: at, To: at + 1, Status: s.status.String(), Reason: s.reason(), Maintenance: in(at)}
				if one.Maintenance == "" {
					spent[s.status]++
				}
				if n := len(want); n > 0 && want[n-1].Status == one.Status && want[n-1].Maintenance == one.Maintenance {
					want[n-1].To = one.To
				} else {
					want = append(want, one)
				}
			}
		}
		for at := window.From; at < window.To; at++ {
			if in(at) == "" {
				outside++
			}
		}
		h, err := readHistory("redis", each(records), window, 100, 5, windows)
		if err != nil || !slices.Equal(h.Segments, want) {
			t.Fatalf("with %+v:\n%+v, want\n%+v; %v", windows, h.Segments, want, err)
		}
		known := spent[1] + spent[2] + spent[3]
		switch {
		case known == 0 && (h.UptimePercent != nil || h.KnownPercent != 0):
			t.Fatalf("nothing is known, and got %+v", h)
		case known > 0 && (*h.UptimePercent != 100*float64(known-spent[3])/float64(known) || h.KnownPercent != 100*float64(known)/float64(outside) ||
			h.DownPercent != 100*float64(spent[3])/float64(known) || h.HealthyPercent != 100*float64(spent[1])/float64(known)):
			t.Fatalf("with %v of %d: got %+v", spent, outside, h)
		}
		if without, _ := readHistory("redis", each(records), window, 100, 5, nil); fmt.Sprint(without.Transitions) != fmt.Sprint(h.Transitions) || without.Status != h.Status {
			t.Fatalf("maintenance changed the status: %+v, want %+v", h.Transitions, without.Transitions)
		}
	}
}

// If a check changes all the time, the answer has its newest segments.
func TestSegmentsAreBounded(t *testing.T) {
	var records []*store.HealthRecord
	for i := range int64(2345) {
		records = append(records, span("a", health.Status(1+i%3), i, i+1))
	}
	h, err := readHistory("redis", each(records), rollup.Window{From: 0, To: 2345}, 3, 10, nil)
	if n := len(h.Segments); err != nil || n != 2000 || h.Segments[0].From != 345 || h.Segments[n-1].To != 2345 || h.TransitionsTotal != 2344 {
		t.Errorf("%d segments, %+v; %v", n, h.Segments[:1], err)
	}
}

func BenchmarkHistory(b *testing.B) {
	var records []*store.HealthRecord
	for m := range int64(168 * 60) {
		r := span("a", health.Status(1+m/500%3), m*60_000, (m+1)*60_000)
		for k := range int64(6) {
			r.Latency.Record(1e6 + k*1e5)
		}
		records = append(records, r)
	}
	window := rollup.Window{From: 0, To: 168 * 3600_000}
	for b.Loop() {
		if _, err := ReadHistory("redis", each(records), window, 100, nil); err != nil {
			b.Fatal(err)
		}
	}
}
