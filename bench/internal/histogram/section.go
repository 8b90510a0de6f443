package histogram

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

// Config sets how long to measure.
type Config struct {
	Rounds int
	Turn   time.Duration // of one contender in one round
}

var quantiles = []float64{0.5, 0.95, 0.99}

// Table measures all contenders.
func Table(c Config) (*table.Table, error) {
	t := &table.Table{
		Title: "Histogram: one observation and its error",
		Intro: "One goroutine, log-normal durations. The error is the worst found against exact nearest-rank percentiles " +
			"of log-normal streams of 1,000 to 300,000 values, narrow (σ 0.02) to wide (σ 1.5).",
		Head: []string{"contender", "observation (ns)", "ratio to Kymo",
			"worst error p50 (%)", "worst error p95 (%)", "worst error p99 (%)", "bound (%)"},
	}
	errors := make([][]float64, len(contenders))
	for i, contender := range contenders {
		var err error
		if errors[i], err = worstErrors(contender); err != nil {
			return nil, err
		}
	}
	ns, err := speed(c)
	if err != nil {
		return nil, err
	}
	for i, contender := range contenders {
		t.Add(contender.name, table.Number(measure.Median(ns[i]), 1), table.Ratio(measure.MedianRatio(ns[i], ns[0])),
			table.Percent(errors[i][0]), table.Percent(errors[i][1]), table.Percent(errors[i][2]), table.Percent(contender.bound))
	}
	t.Notef("Prometheus and VictoriaMetrics lock or count atomically in each observation; the others leave that to the caller")
	t.Notef("percentiles are read as each one's own query does; PromQL and MetricsQL interpolate within a bucket, whose width is their bound")
	return t, nil
}

func speed(c Config) ([][]float64, error) {
	values := stream(1<<16, 0.9, 1)
	ns := make([][]float64, len(contenders))
	err := measure.Rounds(c.Rounds, len(contenders), func(_, i int) error {
		s, err := contenders[i].empty()
		if err != nil {
			return fmt.Errorf("%s: %w", contenders[i].name, err)
		}
		cost := measure.Time(c.Turn, measure.Pace{}, []measure.Loop{func(n int) {
			for range n {
				s.record(values)
			}
		}}, nil)
		ns[i] = append(ns[i], cost.Ns/float64(len(values)))
		return nil
	})
	return ns, err
}

// worstErrors returns the worst relative error at each of the quantiles.
func worstErrors(c contender) ([]float64, error) {
	worst := make([]float64, len(quantiles))
	seed := uint64(0)
	for _, n := range []int{1000, 30_000, 300_000} {
		for _, sigma := range []float64{0.02, 0.1, 0.5, 0.9, 1.5} {
			for range 3 {
				seed++
				values := stream(n, sigma, seed)
				s, err := c.empty()
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
				s.record(values)
				slices.Sort(values)
				for i, q := range quantiles {
					exact := float64(dataset.NearestRank(values, q))
					worst[i] = max(worst[i], math.Abs(s.quantile(q)-exact)/exact)
				}
			}
		}
	}
	return worst, nil
}

// stream returns n durations around a median of 5 to 60 ms.
func stream(n int, sigma float64, seed uint64) []int64 {
	r := rand.New(rand.NewPCG(seed, 3))
	mu := math.Log(5e6 + 55e6*r.Float64())
	values := make([]int64, n)
	for i := range values {
		values[i] = int64(math.Exp(mu + sigma*r.NormFloat64()))
	}
	return values
}
