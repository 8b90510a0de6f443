package api

import (
	"fmt"
	"slices"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// Stepped is the step of a chart. Few lengths are allowed, because stores keep
// rollups of these lengths or of divisors of them.
type Stepped struct {
	Step int64 `query:"step" minimum:"10" maximum:"21600" doc:"The length of a step in seconds: 10, 30, 60, 300, 900, 1800, 3600, 7200 or 21600. The default is the shortest with which the window has at most 120 steps. A window has at most 1000 steps." example:"300"`
}

var steps = [...]int64{10, 30, 60, 300, 900, 1800, 3600, 7200, 21600}

const (
	defaultSteps = 120
	maxSteps     = 1000
)

// millis returns the step for a window of at most 168 h, in milliseconds.
func (s *Stepped) millis(w rollup.Window) (int64, error) {
	if !slices.Contains(steps[:], s.Step) && s.Step != 0 {
		return 0, wrongParam("step", "must be one of 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600", s.Step)
	}
	if s.Step == 0 {
		return 1000 * shortestStep(w, defaultSteps), nil
	}
	if shortest := shortestStep(w, maxSteps); s.Step < shortest {
		return 0, wrongParam("step", fmt.Sprintf("makes more than %d steps of this window; the shortest that does not is %d", maxSteps, shortest), s.Step)
	}
	return 1000 * s.Step, nil
}

// shortestStep returns the shortest step, in seconds, with which the window has at
// most limit steps.
func shortestStep(w rollup.Window, limit int64) int64 {
	for _, step := range steps {
		if w.To-w.From <= 1000*step*limit {
			return step
		}
	}
	return steps[len(steps)-1]
}
