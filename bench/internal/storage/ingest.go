package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

// Config sets what to measure.
type Config struct {
	Program     string // the command kymo; empty if there is none
	Rounds      int
	Sizes       []int // numbers of requests that reports are measured over
	Connections int   // on which batches are sent at once
	PostgresMax int   // PostgreSQL is not loaded with more
	Progress    func(format string, args ...any)
}

// instances is how many services send small batches at once in one contest.
const (
	instances  = 200
	smallBatch = 100
)

// ingestion is one way to keep requests durably.
type ingestion struct {
	name    string
	durable string // when it is
	events  int
	// once keeps the requests in a fresh store and returns how long that took.
	once func(ctx context.Context) (time.Duration, error)
}

// Ingest measures how many requests per second become durable.
func Ingest(ctx context.Context, c Config) (*table.Table, error) {
	n := min(slices.Max(c.Sizes), 10_000_000)
	all, err := c.ingestions(n)
	if err != nil {
		return nil, err
	}
	t := &table.Table{
		Title: "Ingest: durable events per second",
		Intro: fmt.Sprintf("Batches of %d over %d connections on loopback, unless said otherwise; client and server share the cores. Medians.",
			batchSize, c.Connections),
		Left: 2,
		Head: []string{"contender", "durable with", "events in a run", "median (events/s)", "slowest run (events/s)", "Kymo's rate to this"},
	}
	rates := make([][]float64, len(all))
	absent := make([]error, len(all))
	err = measure.Rounds(c.Rounds, len(all), func(round, i int) error {
		if absent[i] != nil {
			return nil //nolint:nilerr // the table has it
		}
		elapsed, err := all[i].once(ctx)
		if errors.Is(err, errAbsent) {
			absent[i] = err
			return nil
		}
		if err != nil {
			return wrap(all[i].name, err)
		}
		rate := float64(all[i].events) / elapsed.Seconds()
		c.Progress("ingest, round %d: %s: %s events/s", round+1, all[i].name, table.Number(rate, 0))
		rates[i] = append(rates[i], rate)
		return nil
	})
	if err != nil {
		return nil, err
	}
	kymo := measure.Median(rates[0])
	for i, in := range all {
		if absent[i] != nil {
			t.Add(in.name, in.durable, "not run")
			t.Notef("%s: %v", in.name, absent[i])
			continue
		}
		median := measure.Median(rates[i])
		t.Add(in.name, in.durable, table.Number(float64(in.events), 0), table.Number(median, 0),
			table.Number(slices.Min(rates[i]), 0), table.Ratio(kymo/median))
	}
	t.Notef("%d rounds, each with a fresh store; the ratio is that of Kymo's first line; the hub's own count of requests was checked after each run", c.Rounds)
	t.Notef("fewer events for the slower, so that a run takes seconds: a small table flatters them")
	t.Notef("DuckDB, in this process, is sent nothing over a connection, and has neither the id nor the index of PostgreSQL's schema")
	return t, nil
}

// ingestions returns the contenders, each with so many of n requests that a run
// takes seconds.
func (c Config) ingestions(n int) ([]ingestion, error) {
	spreadBodies, err := encode(spread(n), batchSize, c.Connections)
	if err != nil {
		return nil, err
	}
	liveOnes, err := newLiveBodies(n, batchSize, c.Connections)
	if err != nil {
		return nil, err
	}
	many := max(n/5, instances*smallBatch)
	small, err := newLiveBodies(many, smallBatch, instances)
	if err != nil {
		return nil, err
	}
	part, err := newLiveBodies(max(n/5, batchSize), batchSize, 4*c.Connections)
	if err != nil {
		return nil, err
	}
	copied, single, appended := eventsOf(max(n/20, batchSize)), eventsOf(max(n/1000, 200)), eventsOf(max(n/5, batchSize))
	name := fmt.Sprintf("Kymo, %d instances, batches of %d, live", instances, smallBatch)
	return []ingestion{
		{"Kymo, requests of now (live)", "each answer", n, func(ctx context.Context) (time.Duration, error) {
			return c.intoHub(ctx, inDirectory, n, liveOnes.now, func(ctx context.Context, h *hub, bodies [][]byte) error {
				return h.send(ctx, bodies, c.Connections)
			})
		}},
		{"Kymo, requests spread over 167 h", "each answer", n, func(ctx context.Context) (time.Duration, error) {
			return c.intoHub(ctx, inDirectory, n, func() ([][]byte, error) { return spreadBodies, nil }, func(ctx context.Context, h *hub, bodies [][]byte) error {
				return h.send(ctx, bodies, c.Connections)
			})
		}},
		{name, "each answer", many, func(ctx context.Context) (time.Duration, error) {
			return c.intoHub(ctx, inDirectory, many, small.now, func(ctx context.Context, h *hub, bodies [][]byte) error {
				return h.send(ctx, bodies, instances)
			})
		}},
		c.liveInto(inPostgres, part),
		c.liveInto(inClickHouse, part),
		{"PostgreSQL, COPY", "each commit, of a batch", len(copied), func(ctx context.Context) (time.Duration, error) {
			return c.intoPostgres(ctx, func(p *postgres) error { return p.copy(ctx, copied) })
		}},
		{"PostgreSQL, one INSERT per request", "each commit, of a request", len(single), func(ctx context.Context) (time.Duration, error) {
			return c.intoPostgres(ctx, func(p *postgres) error { return p.insert(ctx, single) })
		}},
		{"DuckDB, appender", "each commit, of a batch", len(appended), func(ctx context.Context) (time.Duration, error) {
			return intoDuck(ctx, nil, func(d *duck) error { return d.append(ctx, appended) })
		}},
		{"DuckDB, CSV import", "one commit of all", len(appended), func(ctx context.Context) (time.Duration, error) {
			return intoDuck(ctx, func(d *duck) error { return d.writeCSV(appended) }, func(d *duck) error { return d.importCSV(ctx) })
		}},
	}, nil
}

// liveInto sends batches on more connections: a database gains by what waits
// together.
func (c Config) liveInto(on place, live *liveBodies) ingestion {
	name := fmt.Sprintf("%s, %d connections, live", on.name, live.instances)
	return ingestion{name, "each answer", live.n, func(ctx context.Context) (time.Duration, error) {
		return c.intoHub(ctx, on, live.n, live.now, func(ctx context.Context, h *hub, bodies [][]byte) error {
			return h.send(ctx, bodies, live.instances)
		})
	}}
}

func eventsOf(n int) []dataset.Event {
	for events := range spread(n).Batches(n) {
		return events
	}
	return nil
}

// liveBodies are batches whose requests are of now, whenever they are sent.
type liveBodies struct {
	n, instances int
	bodies       [][]byte
	end          time.Time
}

func newLiveBodies(n, size, instances int) (*liveBodies, error) {
	c := live(n)
	bodies, err := encode(c, size, instances)
	return &liveBodies{n, instances, bodies, c.End}, err
}

func (l *liveBodies) now() ([][]byte, error) {
	now := time.Now()
	err := restamp(l.bodies, now.Sub(l.end).Truncate(time.Millisecond))
	l.end = l.end.Add(now.Sub(l.end).Truncate(time.Millisecond))
	return l.bodies, err
}

// intoHub sends the bodies to a fresh hub and checks that it counts them all.
func (c Config) intoHub(ctx context.Context, on place, n int, bodies func() ([][]byte, error), send func(context.Context, *hub, [][]byte) error) (time.Duration, error) {
	h, err := newHub(ctx, c.Program, c.Connections, on)
	if err != nil {
		return 0, err
	}
	defer h.kill()
	ready, err := bodies()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := send(ctx, h, ready); err != nil {
		return 0, err
	}
	elapsed := time.Since(start)
	total, err := h.total(ctx)
	if err == nil && total != int64(n) {
		err = fmt.Errorf("the hub counts %d of %d requests", total, n)
	}
	if busy := h.busy.Load(); busy > 0 {
		c.Progress("the hub was busy %d times", busy)
	}
	return elapsed, err
}

func (c Config) intoPostgres(ctx context.Context, keep func(*postgres) error) (time.Duration, error) {
	p, err := newPostgres(ctx, c.Connections)
	if err != nil {
		return 0, err
	}
	defer p.kill()
	start := time.Now()
	err = keep(p)
	return time.Since(start), err
}

func intoDuck(ctx context.Context, prepare, keep func(*duck) error) (time.Duration, error) {
	d, err := newDuck(ctx)
	if err != nil {
		return 0, err
	}
	defer d.kill()
	if prepare != nil {
		if err := prepare(d); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err = keep(d)
	return time.Since(start), err
}
