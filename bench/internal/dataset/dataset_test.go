package dataset

import (
	"fmt"
	"testing"
	"time"
)

// The requests are those that other measurements of the same data are made with.
func TestEventsAreTheKnownOnes(t *testing.T) {
	want := map[int]string{
		0:   "1794395200000,/api/v1/resource110/{id}/items,GET,39609941,200,user-1551",
		3:   "1794397014400,/api/v1/resource10/{id}/items,PUT,15746935,200,user-2482",
		500: "1794697600000,/api/v1/resource116/{id}/items,GET,20415101,200,user-9406",
		999: "1794999395200,/api/v1/resource65/{id}/items,DELETE,43355457,200,user-19",
	}
	c := Config{N: 1000, End: time.UnixMilli(1_795_000_000_000), Span: 168 * time.Hour, Seed: 1}
	i := 0
	for e := range c.Events() {
		got := fmt.Sprintf("%d,%s,%s,%d,%d,%s", e.Start, e.Endpoint, e.Method, e.Duration, e.Status, e.User)
		if line, ok := want[i]; ok && got != line {
			t.Errorf("event %d is %s, want %s", i, got, line)
		}
		i++
	}
	if i != c.N {
		t.Errorf("%d events, want %d", i, c.N)
	}
}

func TestEventsStayInTheWindowAndInOrder(t *testing.T) {
	c := Config{N: 5000, End: time.UnixMilli(1_795_000_000_000), Span: time.Second, Seed: 7}
	last := c.End.Add(-c.Span).UnixMilli()
	for e := range c.Events() {
		if e.Start < last || e.Start >= c.End.UnixMilli() {
			t.Fatalf("start %d after %d, with the window's end at %d", e.Start, last, c.End.UnixMilli())
		}
		last = e.Start
	}
}

func TestBatchesHoldEveryEvent(t *testing.T) {
	c := Config{N: 25, End: time.UnixMilli(1_795_000_000_000), Span: time.Hour, Seed: 1}
	var sizes []int
	var all []Event
	for batch := range c.Batches(10) {
		sizes = append(sizes, len(batch))
		all = append(all, batch...)
	}
	if fmt.Sprint(sizes) != "[10 10 5]" {
		t.Errorf("sizes %v", sizes)
	}
	i := 0
	for e := range c.Events() {
		if all[i] != *e {
			t.Errorf("event %d is %v, want %v", i, all[i], *e)
		}
		i++
	}
}

func TestExactCountsEachSeries(t *testing.T) {
	c := Config{N: 3000, End: time.Now(), Span: time.Hour, Seed: 1}
	total := 0
	for s, durations := range c.Exact() {
		total += len(durations)
		for i := 1; i < len(durations); i++ {
			if durations[i] < durations[i-1] {
				t.Fatalf("%v is not sorted", s)
			}
		}
	}
	if total != c.N {
		t.Errorf("%d durations, want %d", total, c.N)
	}
}

func TestNearestRank(t *testing.T) {
	values := []int64{10, 20, 30, 40}
	for q, want := range map[float64]int64{0: 10, 0.25: 10, 0.26: 20, 0.5: 20, 0.95: 40, 1: 40} {
		if got := NearestRank(values, q); got != want {
			t.Errorf("NearestRank(%v) = %d, want %d", q, got, want)
		}
	}
	if got := NearestRank(nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}
