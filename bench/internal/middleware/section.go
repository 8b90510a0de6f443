package middleware

import (
	"runtime"
	"slices"
	"time"

	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

// Config sets how long to measure.
type Config struct {
	Rounds int
	Turn   time.Duration // of one contender in one round
}

// shortTurns is how many turns a turn is divided into: the more of them, the
// less a disturbance of the machine weighs.
const shortTurns = 4

// Paced measures all contenders with requests in bursts, as services have them:
// what is recorded is shipped between them, and nothing is lost.
func Paced(c Config) (*table.Table, error) {
	return measured(c, measure.Pace{Burst: 512, Pause: 500 * time.Microsecond},
		"Middleware: cost of one request",
		"Requests come in bursts of 512 on each core, 0.5 ms apart, so that everything is recorded.")
}

// FlatOut measures all contenders with requests that follow each other at once.
func FlatOut(c Config) (*table.Table, error) {
	return measured(c, measure.Pace{}, "Middleware: cost of one request, flat out",
		"Millions of requests per second without a pause: more than exporters and shippers can take.")
}

func measured(c Config, p measure.Pace, title, intro string) (*table.Table, error) {
	t := &table.Table{
		Title: title,
		Intro: "Over a bare `http.ServeMux`, in units of two clock reads (`time.Now` + `time.Since`) of the same round; medians. " + intro,
		Left:  2,
		Head: []string{"contender", "keeps", "serial (ns)", "over bare (units)", "ratio to Kymo", "2 cores (ns)", "over bare (units)", "ratio to Kymo",
			"extra allocations", "total CPU over bare (units)", "lost (%)"},
	}
	c.Rounds, c.Turn = c.Rounds*shortTurns, c.Turn/shortTurns
	serial, err := run(c, p, 1)
	if err != nil {
		return nil, err
	}
	parallel, err := run(c, p, 2)
	if err != nil {
		return nil, err
	}
	ones := slices.Repeat([]float64{1}, c.Rounds)
	for i, contender := range contenders {
		cells := []string{contender.name, contender.records, table.Number(measure.Median(serial.ns[i]), 0), "", "",
			table.Number(measure.Median(parallel.ns[i]), 0), "", "", "", "", ""}
		if i > 0 {
			cells[3] = table.Ratio(serial.excess(i))
			cells[4] = table.Ratio(serial.excess(i) / serial.excess(1))
			cells[6] = table.Ratio(parallel.excess(i))
			cells[7] = table.Ratio(parallel.excess(i) / parallel.excess(1))
			cells[8] = table.Number(measure.MedianExcess(serial.allocs[i], serial.allocs[0], ones), 2)
			cells[9] = table.Ratio(measure.MedianExcess(serial.cpu[i], serial.cpu[0], serial.clock))
		}
		if kept := serial.kept[i] + parallel.kept[i]; kept > 0 {
			lost := serial.lost[i] + parallel.lost[i]
			cells[10] = table.Percent(float64(lost) / float64(kept+lost))
		}
		t.Add(cells...)
	}
	t.Notef("one unit took %s ns serial, %s ns on 2 cores; %d rounds of %v",
		table.Number(measure.Median(serial.clock), 1), table.Number(measure.Median(parallel.clock), 1), c.Rounds, c.Turn)
	t.Notef("allocations and total CPU are of the whole process, serial, shipping and exporting included; CPU also counts waking up from pauses")
	t.Notef("lost: requests that were not kept, and counted as such; only said of what keeps each request and counts")
	return t, nil
}

// result holds one value per contender and round.
type result struct {
	ns, cpu, allocs [][]float64
	clock           []float64
	kept, lost      []uint64 // over all rounds
}

// excess is what contender i takes more than the bare one, in units.
func (r *result) excess(i int) float64 {
	return measure.MedianExcess(r.ns[i], r.ns[0], r.clock)
}

func run(c Config, p measure.Pace, workers int) (*result, error) {
	n := len(contenders)
	r := &result{
		ns: grid(n, c.Rounds), cpu: grid(n, c.Rounds), allocs: grid(n, c.Rounds), clock: make([]float64, c.Rounds),
		kept: make([]uint64, n), lost: make([]uint64, n),
	}
	// The last turn is the clock's.
	err := measure.Rounds(c.Rounds, n+1, func(round, i int) error {
		loops := make([]measure.Loop, workers)
		if i == n {
			for k := range loops {
				loops[k] = clockReads
			}
			r.clock[round] = measure.Time(c.Turn, p, loops, nil).Ns
			return nil
		}
		w := contenders[i].watch()
		for k := range loops {
			loops[k] = serve(w.handler)
		}
		cost := measure.Time(c.Turn, p, loops, func() {
			kept, lost := w.stop()
			r.kept[i] += kept
			r.lost[i] += lost
		})
		r.ns[i][round], r.cpu[i][round], r.allocs[i][round] = cost.Ns, cost.CPU, cost.Allocs
		return nil
	})
	return r, err
}

func clockReads(n int) {
	var sum time.Duration
	for range n {
		start := time.Now()
		sum += time.Since(start)
	}
	runtime.KeepAlive(sum)
}

func grid(n, rounds int) [][]float64 {
	g := make([][]float64, n)
	for i := range g {
		g[i] = make([]float64, rounds)
	}
	return g
}
