package simulation

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/racetest"
)

// seedVariable names the environment variable with the seed to run alone, or with a range
// of seeds, first-last.
const seedVariable = "KYMO_SIM_SEED"

// TestSimulation runs the schedules of many seeds. They are described in the package's comment.
func TestSimulation(t *testing.T) {
	first, last := uint64(1), uint64(2000)
	if testing.Short() {
		last = 80
	}
	if racetest.Enabled {
		last /= 10
	}
	if text := os.Getenv(seedVariable); text != "" {
		first, last = seeds(t, text)
	}
	// With one thread, goroutines run in nearly the same order each time.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	warmUp(t)
	for seed := first; seed <= last; seed++ {
		s := newSchedule(seed)
		out := run(t, s)
		if out.problem == "" {
			continue
		}
		small, smallOut := shrink(t, s, out)
		t.Fatalf("seed %d (the %d. of this run): %s\n%s\n\nshortened to %d of %d steps: %s\n%s\nAgain: %s=%d go test -run TestSimulation ./internal/simulation",
			seed, seed-first+1, out.problem, s, len(small.steps), len(s.steps), smallOut.problem, strings.Join(smallOut.trace, "\n"), seedVariable, seed)
	}
}

func seeds(t *testing.T, text string) (first, last uint64) {
	from, to, isRange := strings.Cut(text, "-")
	first, err := strconv.ParseUint(from, 10, 64)
	if last = first; isRange && err == nil {
		last, err = strconv.ParseUint(to, 10, 64)
	}
	if err != nil {
		t.Fatalf("%s=%s: want a seed, or the first and the last of several: 1-100", seedVariable, text)
	}
	return first, last
}

// outcome is how a schedule ended.
type outcome struct {
	problem string // "" if all is well
	trace   []string
}

// run carries out a schedule in a bubble of its own.
func run(t *testing.T, s *schedule) (out outcome) {
	var w *world
	ended := false
	// A store that hangs holds a mutex, so that the time in the bubble stands still.
	watch := time.AfterFunc(time.Minute, func() { panic(fmt.Sprintf("seed %d hangs", s.seed)) })
	defer watch.Stop()
	defer func() {
		// A Pebble that failed leaves goroutines behind, which the end of a bubble regards as a
		// deadlock.
		if p := recover(); p != nil && (!ended || !strings.Contains(fmt.Sprint(p), "main bubble goroutine has exited")) {
			stacks := make([]byte, 1<<20)
			out.problem = fmt.Sprintf("%v\n%s", p, stacks[:runtime.Stack(stacks, true)])
			out.trace = w.trace
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		w = newWorld(t, s)
		defer func() {
			ended = true
			switch p := recover().(type) {
			case nil:
			case failure:
				out.problem = string(p)
			default:
				out.problem = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
			}
			out.trace = w.trace
			if out.problem != "" && w.log != nil {
				out.trace = append(out.trace, "the log since the last start:", w.log.String())
			}
		}()
		w.run()
	})
	return out
}

// shrink leaves out steps of a schedule that fails as long as it still does.
func shrink(t *testing.T, s *schedule, out outcome) (*schedule, outcome) {
	for size := len(s.steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(s.steps); {
			shorter := s.without(from, from+size)
			if o := run(t, shorter); o.problem != "" {
				s, out = shorter, o
			} else {
				from += size
			}
		}
	}
	return s, out
}

// warmUp uses a hub outside of any bubble, so that what a process makes once and keeps,
// such as encoders, belongs to none.
func warmUp(t *testing.T) {
	t.Helper()
	w := newWorld(t, newSchedule(0))
	w.start()
	for range 50 {
		w.ship(w.newBatch())
	}
	w.ask()
	w.off()
}
