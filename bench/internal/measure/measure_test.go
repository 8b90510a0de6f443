package measure

import (
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, nan},
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := Median(c.values); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("Median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	values := []float64{3, 1, 2}
	Median(values)
	if !slices.Equal(values, []float64{3, 1, 2}) {
		t.Errorf("Median changed its argument to %v", values)
	}
}

// A round that was slow for both changes no ratio.
func TestMedianRatioComparesWithinARound(t *testing.T) {
	a, b := []float64{20, 200, 21}, []float64{10, 100, 10}
	if got := MedianRatio(a, b); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
}

func TestMedianRatioSkipsMissingRounds(t *testing.T) {
	nan := math.NaN()
	if got := MedianRatio([]float64{nan, 6, 1}, []float64{1, 2, 0}); got != 3 {
		t.Errorf("got %v, want 3", got)
	}
	if got := MedianRatio([]float64{1}, nil); !math.IsNaN(got) {
		t.Errorf("of nothing: got %v, want NaN", got)
	}
}

func TestMedianExcess(t *testing.T) {
	a, base, unit := []float64{130, 260, 130}, []float64{50, 100, 50}, []float64{40, 80, 80}
	if got := MedianExcess(a, base, unit); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
}

func TestRoundsGivesEachATurnAndRotatesTheFirst(t *testing.T) {
	var turns [][2]int
	err := Rounds(3, 2, func(round, i int) error {
		turns = append(turns, [2]int{round, i})
		return nil
	})
	want := [][2]int{{0, 0}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {2, 1}}
	if err != nil || !slices.Equal(turns, want) {
		t.Errorf("turns %v, error %v; want %v", turns, err, want)
	}
	broken := errors.New("broken")
	if err := Rounds(3, 2, func(int, int) error { return broken }); err != broken {
		t.Errorf("error %v, want %v", err, broken)
	}
}

func TestTimeCountsWhatRunsAfterwards(t *testing.T) {
	for name, p := range map[string]Pace{"flat out": {}, "bursts": {Burst: 8, Pause: time.Microsecond}} {
		t.Run(name, func(t *testing.T) {
			var done, closed atomic.Int64
			var kept []byte
			loop := func(n int) { done.Add(int64(n)); busy(n) }
			cost := Time(5*time.Millisecond, p, []Loop{loop, loop}, func() {
				closed.Add(1)
				for range 1_000_000 {
					kept = make([]byte, 32)
				}
			})
			if closed.Load() != 1 || len(kept) != 32 {
				t.Fatal("what comes afterwards did not run once")
			}
			if cost.Ns <= 0 || cost.CPU <= 0 || cost.Allocs < 1_000_000/float64(done.Load()) {
				t.Errorf("cost %+v of %d operations", cost, done.Load())
			}
		})
	}
}

func busy(n int) (sum float64) {
	for i := range 100 * n {
		sum += math.Sqrt(float64(i))
	}
	return sum
}

func TestPaceRunDoesEveryOperation(t *testing.T) {
	for _, p := range []Pace{{}, {Burst: 7}} {
		n := 0
		p.run(20, func(k int) { n += k }, &meeting{workers: 1})
		if n != 20 {
			t.Errorf("%+v did %d operations, want 20", p, n)
		}
	}
}
