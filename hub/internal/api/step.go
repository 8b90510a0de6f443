package api

import (
	"fmt"
	"slices"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// Stepped is the step that charts take. The choice is small because stores have
// sums for these, or for parts of them.
type Stepped struct {
	Step int64 `query:"step" minimum:"10" maximum:"21600" doc:"The length of a step in seconds: 10, 30, 60, 300, 900, 1800, 3600, 7200 or 21600; if it is left off, the shortest that makes at most 120 of them. A window has at most 1000 steps." example:"300"`
}

var steps = [...]int64{10, 30, 60, 300, 900, 1800, 3600, 7200, 21600}

const (
	usualSteps = 120
	mostSteps  = 1000
)

// millis is the step for a window of at most 168 h, in milliseconds.
func (s *Stepped) millis(w rollup.Window) (int64, error) {
	if !slices.Contains(steps[:], s.Step) && s.Step != 0 {
		return 0, wrongParam("step", "must be one of 10, 30, 60, 300, 900, 1800, 3600, 7200, 21600", s.Step)
	}
	if s.Step == 0 {
		return 1000 * shortest(w, usualSteps), nil
	}
	if least := shortest(w, mostSteps); s.Step < least {
		return 0, wrongParam("step", fmt.Sprintf("makes more than %d steps of this window; the shortest that does not is %d", mostSteps, least), s.Step)
	}
	return 1000 * s.Step, nil
}

// shortest is the step of which the window has at most so many, in seconds.
func shortest(w rollup.Window, most int64) int64 {
	for _, step := range steps {
		if w.To-w.From <= 1000*step*most {
			return step
		}
	}
	return steps[len(steps)-1]
}
