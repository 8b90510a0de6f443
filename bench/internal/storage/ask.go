package storage

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/bench/internal/measure"
)

// reportBudget bounds how long one report is repeated: the slow ones get fewer
// rounds, but always one.
const reportBudget = 45 * time.Second

// answer is what a report said and how long it took in each round; NaN if it
// had no turn.
type answer struct {
	report
	ms        []float64
	spent     time.Duration
	deviation deviation
}

// taken are the rounds in which it had its turn.
func (a *answer) taken() []float64 {
	return slices.DeleteFunc(slices.Clone(a.ms), math.IsNaN)
}

// ask runs every report of every engine in rounds, after one that does not
// count and whose rows are checked against the truth.
func ask(ctx context.Context, c Config, engines []loaded, exact dataset.Exact) ([]*answer, error) {
	var answers []*answer
	for _, e := range engines {
		for _, r := range e.reports() {
			answers = append(answers, &answer{report: r, ms: make([]float64, c.Rounds)})
		}
	}
	for _, a := range answers {
		start := time.Now()
		rows, err := a.run(ctx)
		if err != nil {
			return nil, wrap(a.name, err)
		}
		c.Progress("%s: first answer in %v", a.name, time.Since(start).Round(time.Microsecond))
		if a.deviation, err = compare(rows, exact); err != nil {
			return nil, wrap(a.name, err)
		}
	}
	return answers, measure.Rounds(c.Rounds, len(answers), func(round, i int) error {
		a := answers[i]
		if a.spent > reportBudget {
			a.ms[round] = math.NaN()
			return nil
		}
		start := time.Now()
		_, err := a.run(ctx)
		elapsed := time.Since(start)
		a.ms[round] = elapsed.Seconds() * 1e3
		a.spent += elapsed
		return wrap(a.name, err)
	})
}
