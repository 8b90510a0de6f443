package storage

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

// Kept loads each engine with each number of requests and measures what it
// keeps, what it reports and what that took.
type Kept struct {
	Report, Size, Memory *table.Table
	latency              map[int]float64 // of the first engine's report in ms, by number of requests
}

// Measure fills the three tables.
func Measure(ctx context.Context, c Config) (*Kept, error) {
	k := &Kept{
		Report: &table.Table{
			Title: "Report: 168 hours per endpoint",
			Intro: "Count, mean, p50, p95, p99, maximum and error rate of each endpoint and method. Medians. " +
				"The difference is the worst endpoint's to the exact nearest-rank percentile of the durations in nanoseconds.",
			Head: []string{"contender", "events", "latency (ms)", "rounds", "ratio to Kymo",
				"p50 off by (%)", "p95 off by (%)", "p99 off by (%)"},
		},
		Size: &table.Table{
			Title: "Size: bytes kept per event",
			Intro: "All included, after an orderly end: Kymo's data directory, or its database in PostgreSQL and its tables in ClickHouse; " +
				"PostgreSQL's table and indexes; DuckDB's file after a checkpoint.",
			Head: []string{"contender", "events", "bytes per event", "ratio to Kymo"},
		},
		Memory: &table.Table{
			Title: "Memory: the hub's peak resident size, the service's heap",
			Head:  []string{"what", "events", "memory (MB)"},
		},
		latency: make(map[int]float64),
	}
	for _, n := range c.Sizes {
		if err := k.measure(ctx, c, n); err != nil {
			return nil, err
		}
	}
	if first, last := c.Sizes[0], c.Sizes[len(c.Sizes)-1]; first != last && k.latency[first] > 0 {
		k.Report.Notef("Kymo's report over %s events takes %s times as long as over %s", table.Number(float64(last), 0),
			table.Ratio(k.latency[last]/k.latency[first]), table.Number(float64(first), 0))
	}
	k.Report.Notef("all are warm: each report is asked for once before it is timed; Kymo's answer comes over HTTP as JSON")
	k.Report.Notef("percentile_cont and quantile_cont interpolate between two requests, which shows where an endpoint has few; " +
		"PostgreSQL's schema moreover keeps whole milliseconds")
	k.Size.Notef("the file of 16 MiB that Kymo frees when the disk is full is left out of its directory's size")
	k.Size.Notef("the requests have endpoint, method, status, duration, user and start; PostgreSQL adds its schema's random id")
	return k, nil
}

// opener starts an engine.
type opener struct {
	name string
	open func(ctx context.Context, c Config) (engine, error)
	max  func(c Config) int
}

var openers = []opener{
	{inDirectory.name, hubIn(inDirectory), unlimited},
	{inPostgres.name, hubIn(inPostgres), unlimited},
	{inClickHouse.name, hubIn(inClickHouse), unlimited},
	{"PostgreSQL", func(ctx context.Context, c Config) (engine, error) { return newPostgres(ctx, c.Connections) }, func(c Config) int { return c.PostgresMax }},
	{"DuckDB", func(ctx context.Context, _ Config) (engine, error) { return newDuck(ctx) }, unlimited},
}

func hubIn(on place) func(context.Context, Config) (engine, error) {
	return func(ctx context.Context, c Config) (engine, error) { return newHub(ctx, c.Program, c.Connections, on) }
}

func unlimited(Config) int { return math.MaxInt }

// loaded is an engine that holds all requests.
type loaded struct {
	opener
	engine
}

func (k *Kept) measure(ctx context.Context, c Config, n int) error {
	events := table.Number(float64(n), 0)
	data := spread(n)
	var engines []loaded
	var absent []string
	defer func() {
		for _, e := range engines {
			e.kill()
		}
	}()
	for _, o := range openers {
		if n > o.max(c) {
			absent = append(absent, o.name)
			continue
		}
		e, err := o.open(ctx, c)
		if errors.Is(err, errAbsent) {
			absent = append(absent, o.name)
			if n == c.Sizes[0] {
				k.Report.Notef("%s: %v", o.name, err)
			}
			continue
		}
		if err != nil {
			return wrap(o.name, err)
		}
		engines = append(engines, loaded{o, e})
		start := time.Now()
		if err := e.load(ctx, data); err != nil {
			return wrap(o.name, err)
		}
		c.Progress("%s: loaded with %s events in %v", o.name, events, time.Since(start).Round(time.Millisecond))
		if err := k.addMemory(o.name, e, "after ingest", events); err != nil {
			return err
		}
	}
	answers, err := ask(ctx, c, engines, data.Exact())
	if err != nil {
		return err
	}
	k.addReports(answers, n)
	if err := k.finish(ctx, engines, n); err != nil {
		return err
	}
	for _, name := range absent {
		k.Report.Add(name, events, "not run")
		k.Size.Add(name, events, "not run")
	}
	return nil
}

func (k *Kept) addMemory(name string, e engine, state, events string) error {
	peak, err := e.memory()
	if err == nil && peak > 0 {
		k.Memory.Add("peak RSS of the hub "+name+", "+state, events, table.Number(float64(peak)/1e6, 1))
	}
	return wrap("read the hub's memory", err)
}

func (k *Kept) addReports(answers []*answer, n int) {
	kymo := answers[0].ms
	for _, a := range answers {
		rounds := 0
		for _, ms := range a.ms {
			if !math.IsNaN(ms) {
				rounds++
			}
		}
		if a == answers[0] {
			k.latency[n] = measure.Median(kymo)
		}
		k.Report.Add(a.name, table.Number(float64(n), 0), table.Number(measure.Median(a.taken()), 1), table.Number(float64(rounds), 0),
			table.Ratio(measure.MedianRatio(a.ms, kymo)),
			table.Percent(a.deviation.p50), table.Percent(a.deviation.p95), table.Percent(a.deviation.p99))
	}
}

// finish ends all engines and fills in the sizes.
func (k *Kept) finish(ctx context.Context, engines []loaded, n int) error {
	events := table.Number(float64(n), 0)
	kymo := 0.0
	for _, e := range engines {
		if err := k.addMemory(e.name, e, "after reports", events); err != nil {
			return err
		}
		size, err := e.finish(ctx)
		if err != nil {
			return wrap(e.name, err)
		}
		each := float64(size) / float64(n)
		if kymo == 0 {
			kymo = each
		}
		k.Size.Add(e.name, events, table.Number(each, 2), table.Ratio(each/kymo))
	}
	return nil
}
