package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

// Config sets how long to measure.
type Config struct {
	Rounds   int
	Turn     time.Duration // of one contender in one round, at least a few intervals
	Checks   int
	Interval time.Duration
}

// cost is what running the checks took in a turn.
type cost struct {
	runs   float64 // a second
	cpu    float64 // share of one core
	memory float64 // MB of heap and stacks, more than without the checks
	answer float64 // ms for the handler's answer
}

// Table measures all contenders with each kind of check.
func Table(c Config) (*table.Table, error) {
	t := &table.Table{
		Title: "Health checks in the background",
		Intro: fmt.Sprintf("%s checks, each every %s. A check that returns at once shows what the running costs; "+
			"one over HTTP asks a server in the same process on a connection that is kept.",
			table.Number(float64(c.Checks), 0), c.Interval),
		Left: 2,
		Head: []string{"checks", "contender", "runs/s", "processor (% of a core)", "ratio to Kymo", "memory (MB)", "/health (ms)"},
	}
	server, ask := serve()
	defer server.Close()
	for _, kind := range []struct {
		name  string
		looks func() (looks []look, free func())
	}{
		{"return at once", func() ([]look, func()) { return repeat(nothing, c.Checks), func() {} }},
		{"over HTTP", func() ([]look, func()) { return repeat(ask, c.Checks), func() {} }},
		{"return at once, one never", func() ([]look, func()) {
			looks, free := repeat(nothing, c.Checks), make(chan struct{})
			looks[0] = func(context.Context) error { <-free; return nil }
			return looks, func() { close(free) }
		}},
	} {
		costs := make([][]cost, len(contenders))
		err := measure.Rounds(c.Rounds, len(contenders), func(_, i int) error {
			looks, free := kind.looks()
			got, err := turn(c, contenders[i], looks, free)
			costs[i] = append(costs[i], got)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i, contender := range contenders {
			of := func(f func(cost) float64) float64 { return measure.Median(column(costs[i], f)) }
			cpu := func(k cost) float64 { return k.cpu }
			t.Add(kind.name, contender.name,
				table.Number(of(func(k cost) float64 { return k.runs }), 0),
				table.Number(100*of(cpu), 2),
				table.Ratio(measure.MedianRatio(column(costs[i], cpu), column(costs[0], cpu))),
				table.Number(of(func(k cost) float64 { return k.memory }), 1),
				table.Number(of(func(k cost) float64 { return k.answer }), 2))
		}
	}
	t.Notef("processor and memory are the whole process's, the server's over HTTP included; memory is heap and stacks after a collection, less that before")
	t.Notef("Kymo's intervals are up to a tenth shorter, at random, so that checks do not run in step")
	return t, nil
}

func column(costs []cost, f func(cost) float64) []float64 {
	values := make([]float64, len(costs))
	for i, k := range costs {
		values[i] = f(k)
	}
	return values
}

func nothing(context.Context) error { return nil }

func repeat(l look, n int) []look {
	looks := make([]look, n)
	for i := range looks {
		looks[i] = l
	}
	return looks
}

// turn runs one contender. free ends the runs that would never end.
func turn(c Config, with contender, looks []look, free func()) (cost, error) {
	var runs atomic.Int64
	for i, l := range looks {
		looks[i] = func(ctx context.Context) error {
			runs.Add(1)
			return l(ctx)
		}
	}
	before := memory()
	r, err := with.start(looks, c.Interval)
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w", with.name, err)
	}
	defer r.stop()
	defer free()
	time.Sleep(2 * c.Interval) // until all have begun
	begun, cpu, counted := time.Now(), measure.ProcessTime(), runs.Load()
	time.Sleep(c.Turn)
	took := time.Since(begun).Seconds()
	var k cost
	k.cpu = (measure.ProcessTime() - cpu).Seconds() / took
	k.runs = float64(runs.Load()-counted) / took
	k.memory = float64(memory()-before) / 1e6
	request := httptest.NewRequest(http.MethodGet, "/health", nil)
	answers := make([]float64, 11)
	for i := range answers {
		begun := time.Now()
		r.handler.ServeHTTP(httptest.NewRecorder(), request)
		answers[i] = float64(time.Since(begun).Microseconds()) / 1e3
	}
	k.answer = measure.Median(answers)
	return k, nil
}

// memory is what heap and stacks take after a collection, in bytes.
func memory() int64 {
	runtime.GC()
	runtime.GC() // the second empties what sync.Pool kept through the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// serve returns a server on loopback and a check that asks it.
func serve() (*httptest.Server, look) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok") // who asked has left
	}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}
	return server, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	}
}
