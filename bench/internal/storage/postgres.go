package storage

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/kymohq/kymo/bench/internal/dataset"
	"golang.org/x/sync/errgroup"
)

// The schema that services commonly keep their request log in.
const postgresSchema = `
CREATE TABLE api_metrics (
    metric_id        UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint         VARCHAR(255) NOT NULL,
    method           VARCHAR(10)  NOT NULL,
    response_time_ms INT NOT NULL,
    status_code      INT NOT NULL,
    user_id          VARCHAR(255),
    created_at       TIMESTAMP DEFAULT NOW()
);
CREATE INDEX idx_api_metrics_endpoint ON api_metrics(endpoint, created_at DESC)`

const postgresReport = `
SELECT endpoint, method, count(*), avg(response_time_ms)::float8,
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY response_time_ms),
       max(response_time_ms), avg((status_code >= 500)::int)::float8
FROM api_metrics
WHERE created_at >= $1 AND created_at < $2
GROUP BY endpoint, method`

type postgres struct {
	*postgresServer
	connections int
}

func newPostgres(ctx context.Context, connections int) (*postgres, error) {
	s, err := startPostgres(ctx, connections)
	if err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, postgresSchema); err != nil {
		s.kill()
		return nil, wrap("make PostgreSQL's schema", err)
	}
	return &postgres{s, connections}, nil
}

var postgresColumns = []string{"endpoint", "method", "response_time_ms", "status_code", "user_id", "created_at"}

func postgresValues(e *dataset.Event) []any {
	var user any
	if e.User != "" {
		user = e.User
	}
	return []any{e.Endpoint, e.Method, int32(e.Duration / 1e6), int32(e.Status), user, time.UnixMilli(e.Start).UTC()}
}

// copy keeps the requests with COPY, one transaction for each batch.
func (p *postgres) copy(ctx context.Context, events []dataset.Event) error {
	return inBatches(ctx, p.connections, len(events), batchSize, func(ctx context.Context, lo, hi int) error {
		batch := events[lo:hi]
		_, err := p.pool.CopyFrom(ctx, pgx.Identifier{"api_metrics"}, postgresColumns,
			pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) { return postgresValues(&batch[i]), nil }))
		return wrap("copy into PostgreSQL", err)
	})
}

// insert keeps the requests one by one, each in its own transaction.
func (p *postgres) insert(ctx context.Context, events []dataset.Event) error {
	const statement = `INSERT INTO api_metrics (endpoint, method, response_time_ms, status_code, user_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)`
	return inBatches(ctx, p.connections, len(events), 1, func(ctx context.Context, lo, _ int) error {
		_, err := p.pool.Exec(ctx, statement, postgresValues(&events[lo])...)
		return wrap("insert into PostgreSQL", err)
	})
}

// inBatches calls keep for each slice of size of n requests, from several
// goroutines, and waits for all.
func inBatches(ctx context.Context, workers, n, size int, keep func(ctx context.Context, lo, hi int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range workers {
		group.Go(func() error {
			for {
				lo := int(next.Add(int64(size))) - size
				if lo >= n {
					return nil
				}
				if err := keep(ctx, lo, min(lo+size, n)); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

func (p *postgres) load(ctx context.Context, c dataset.Config) error {
	for events := range c.Batches(64 * batchSize) {
		if err := p.copy(ctx, events); err != nil {
			return err
		}
	}
	_, err := p.pool.Exec(ctx, "VACUUM ANALYZE api_metrics")
	return wrap("vacuum PostgreSQL", err)
}

func (p *postgres) reports() []report {
	return []report{{"PostgreSQL, percentile_cont over raw rows", func(ctx context.Context) ([]row, error) {
		now := time.Now().UTC()
		rows, err := p.pool.Query(ctx, postgresReport, now.Add(-reportHours*time.Hour), now)
		if err != nil {
			return nil, wrap("ask PostgreSQL", err)
		}
		return pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
			var (
				line          row
				average, fail float64
				quantiles     []float64
				slowest       int32
			)
			err := r.Scan(&line.Endpoint, &line.Method, &line.total, &average, &quantiles, &slowest, &fail)
			if err == nil {
				line.p50, line.p95, line.p99 = quantiles[0], quantiles[1], quantiles[2]
			}
			return line, err
		})
	}}}
}

// memory is unknown: PostgreSQL's processes share most of theirs.
func (p *postgres) memory() (int64, error) { return 0, nil }

func (p *postgres) finish(ctx context.Context) (int64, error) {
	var size int64
	err := p.pool.QueryRow(ctx, "SELECT pg_total_relation_size('api_metrics')").Scan(&size)
	p.kill()
	return size, wrap("measure PostgreSQL's table", err)
}
