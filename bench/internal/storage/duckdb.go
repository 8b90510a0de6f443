package storage

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/kymohq/kymo/bench/internal/dataset"
)

// DuckDB is spared the random id and the index of the PostgreSQL schema.
const duckSchema = `
CREATE TABLE api_metrics (
    endpoint    VARCHAR NOT NULL,
    method      VARCHAR NOT NULL,
    duration_ns BIGINT NOT NULL,
    status_code SMALLINT NOT NULL,
    user_id     VARCHAR,
    created_at  TIMESTAMP NOT NULL
)`

const duckReport = `
SELECT endpoint, method, n, average, q[1] / 1e6, q[2] / 1e6, q[3] / 1e6, slowest, failed
FROM (
    SELECT endpoint, method, count(*) AS n, avg(duration_ns) AS average,
           %s(duration_ns, [0.5, 0.95, 0.99]) AS q,
           max(duration_ns) AS slowest, avg((status_code >= 500)::INT) AS failed
    FROM api_metrics
    WHERE created_at >= ? AND created_at < ?
    GROUP BY endpoint, method
)`

type duck struct {
	dir       string
	connector *duckdb.Connector
	db        *sql.DB
}

func newDuck(ctx context.Context) (*duck, error) {
	dir, err := os.MkdirTemp("", "bench-duckdb-")
	if err != nil {
		return nil, err
	}
	d := &duck{dir: dir}
	if d.connector, err = duckdb.NewConnector(d.file(), nil); err != nil {
		d.kill()
		return nil, wrap("open DuckDB", err)
	}
	d.db = sql.OpenDB(d.connector)
	if _, err := d.db.ExecContext(ctx, duckSchema); err != nil {
		d.kill()
		return nil, wrap("make DuckDB's schema", err)
	}
	return d, nil
}

// DuckVersion is the version of the library built in.
func DuckVersion() string {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return "unknown"
	}
	defer db.Close()
	var version string
	if err := db.QueryRow("SELECT version()").Scan(&version); err != nil {
		return "unknown"
	}
	return strings.TrimPrefix(version, "v")
}

func (d *duck) file() string { return filepath.Join(d.dir, "metrics.db") }

// append keeps the requests through the appender, one transaction for each batch.
func (d *duck) append(ctx context.Context, events []dataset.Event) error {
	conn, err := d.connector.Connect(ctx)
	if err != nil {
		return wrap("connect to DuckDB", err)
	}
	defer conn.Close()
	appender, err := duckdb.NewAppenderFromConn(conn, "", "api_metrics")
	if err != nil {
		return wrap("append to DuckDB", err)
	}
	for i := range events {
		e := &events[i]
		var user driver.Value
		if e.User != "" {
			user = e.User
		}
		err := appender.AppendRow(e.Endpoint, e.Method, e.Duration, int16(e.Status), user, time.UnixMilli(e.Start).UTC())
		if err != nil {
			return wrap("append to DuckDB", err)
		}
		if (i+1)%batchSize == 0 {
			if err := appender.Flush(); err != nil {
				return wrap("append to DuckDB", err)
			}
		}
	}
	return wrap("append to DuckDB", appender.Close())
}

// writeCSV puts the requests into the file that importCSV reads.
func (d *duck) writeCSV(events []dataset.Event) error {
	f, err := os.Create(filepath.Join(d.dir, "metrics.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range events {
		e := &events[i]
		fmt.Fprintf(w, "%s,%s,%d,%d,%s,%s\n", e.Endpoint, e.Method, e.Duration, e.Status, e.User,
			time.UnixMilli(e.Start).UTC().Format("2006-01-02 15:04:05.000"))
	}
	return errors.Join(w.Flush(), f.Close())
}

// importCSV keeps all requests at once, in one transaction.
func (d *duck) importCSV(ctx context.Context) error {
	_, err := d.db.ExecContext(ctx, fmt.Sprintf("COPY api_metrics FROM '%s' (HEADER false)", filepath.Join(d.dir, "metrics.csv")))
	return wrap("import into DuckDB", err)
}

func (d *duck) load(ctx context.Context, c dataset.Config) error {
	for events := range c.Batches(64 * batchSize) {
		if err := d.append(ctx, events); err != nil {
			return err
		}
	}
	_, err := d.db.ExecContext(ctx, "CHECKPOINT")
	return wrap("checkpoint DuckDB", err)
}

func (d *duck) reports() []report {
	ask := func(function string) func(context.Context) ([]row, error) {
		return func(ctx context.Context) ([]row, error) { return d.ask(ctx, fmt.Sprintf(duckReport, function)) }
	}
	return []report{
		{"DuckDB, quantile_cont over raw rows", ask("quantile_cont")},
		{"DuckDB, approx_quantile over raw rows", ask("approx_quantile")},
	}
}

func (d *duck) ask(ctx context.Context, query string) ([]row, error) {
	now := time.Now().UTC()
	rows, err := d.db.QueryContext(ctx, query, now.Add(-reportHours*time.Hour), now)
	if err != nil {
		return nil, wrap("ask DuckDB", err)
	}
	defer rows.Close()
	var lines []row
	for rows.Next() {
		var (
			r             row
			average, fail float64
			slowest       int64
		)
		if err := rows.Scan(&r.Endpoint, &r.Method, &r.total, &average, &r.p50, &r.p95, &r.p99, &slowest, &fail); err != nil {
			return nil, wrap("read DuckDB's answer", err)
		}
		lines = append(lines, r)
	}
	return lines, wrap("read DuckDB's answer", rows.Err())
}

// memory is unknown: DuckDB shares this process.
func (d *duck) memory() (int64, error) { return 0, nil }

func (d *duck) finish(ctx context.Context) (int64, error) {
	if _, err := d.db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return 0, wrap("checkpoint DuckDB", err)
	}
	info, err := os.Stat(d.file())
	d.kill()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d *duck) kill() {
	if d.db != nil {
		_ = d.db.Close()
	}
	if d.connector != nil {
		_ = d.connector.Close()
	}
	_ = os.RemoveAll(d.dir)
}
