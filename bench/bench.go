package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/bench/internal/checks"
	"github.com/kymohq/kymo/bench/internal/histogram"
	"github.com/kymohq/kymo/bench/internal/machine"
	"github.com/kymohq/kymo/bench/internal/middleware"
	"github.com/kymohq/kymo/bench/internal/storage"
	"github.com/kymohq/kymo/bench/internal/table"
)

// bench runs the sections asked for and writes each as soon as it is measured.
type bench struct {
	*options
	out, log io.Writer
	started  time.Time
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.heading(dir); err != nil {
		return err
	}
	if b.wants("middleware") {
		c := middleware.Config{Rounds: b.count, Turn: b.turn}
		for _, measure := range []func(middleware.Config) (*table.Table, error){middleware.Paced, middleware.FlatOut} {
			if err := b.write(measure(c)); err != nil {
				return err
			}
		}
	}
	if b.wants("histogram") {
		if err := b.write(histogram.Table(histogram.Config{Rounds: b.count, Turn: b.turn})); err != nil {
			return err
		}
	}
	if b.wants("checks") {
		c := checks.Config{Rounds: b.count, Turn: 10 * b.turn, Checks: 1000, Interval: time.Second}
		if err := b.write(checks.Table(c)); err != nil {
			return err
		}
	}
	if !b.wants("ingest", "dashboard", "report", "size", "memory") {
		return nil
	}
	c := storage.Config{
		Rounds: b.count, Sizes: b.events, Connections: b.connections, PostgresMax: b.postgresMax, Progress: b.progressf,
	}
	if c.Program, err = storage.BuildHub(ctx, b.hub, dir); err != nil {
		return err
	}
	if b.wants("ingest") {
		if err := b.write(storage.Ingest(ctx, c)); err != nil {
			return err
		}
	}
	if b.wants("dashboard") {
		calling, open, err := storage.Dashboards(ctx, c)
		if err := errors.Join(b.write(calling, err), b.write(open, err)); err != nil {
			return err
		}
	}
	if !b.wants("report", "size", "memory") {
		return nil
	}
	kept, err := storage.Measure(ctx, c)
	if err != nil {
		return err
	}
	if b.wants("memory") {
		if err := middleware.AddHeap(kept.Memory); err != nil {
			return err
		}
	}
	return errors.Join(b.writeIf("report", kept.Report), b.writeIf("size", kept.Size), b.writeIf("memory", kept.Memory))
}

// heading says the machine and the versions.
func (b *bench) heading(dir string) error {
	sync, err := machine.SyncTime(dir)
	if err != nil {
		return err
	}
	modules := []struct{ name, path string }{
		{"client_golang", "github.com/prometheus/client_golang"},
		{"otelhttp", "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"},
		{"OpenTelemetry SDK", "go.opentelemetry.io/otel/sdk"},
		{"VictoriaMetrics/metrics", "github.com/VictoriaMetrics/metrics"},
		{"sketches-go", "github.com/DataDog/sketches-go"},
		{"hdrhistogram-go", "github.com/HdrHistogram/hdrhistogram-go"},
		{"alexliesenfeld/health", "github.com/alexliesenfeld/health"},
		{"pgx", "github.com/jackc/pgx/v5"},
		{"duckdb-go", "github.com/duckdb/duckdb-go/v2"},
	}
	versions := []string{"PostgreSQL " + storage.PostgresVersion(), "ClickHouse " + storage.ClickHouseVersion(), "DuckDB " + storage.DuckVersion()}
	for _, m := range modules {
		versions = append(versions, m.name+" "+machine.Module(m.path))
	}
	_, err = fmt.Fprintf(b.out, "# Kymo beside its peers\n\n- machine: %s; fsync of 4 KiB: %v\n- peers: %s\n- run: %s, medians of %d rounds; every ratio is within this run\n\n",
		machine.Describe(), sync.Round(time.Microsecond), strings.Join(versions, ", "), b.started.UTC().Format("2006-01-02 15:04 UTC"), b.count)
	return err
}

func (b *bench) wants(sections ...string) bool {
	return slices.ContainsFunc(sections, func(s string) bool { return slices.Contains(b.only, s) })
}

func (b *bench) write(t *table.Table, err error) error {
	if err != nil {
		return err
	}
	return t.Write(b.out)
}

func (b *bench) writeIf(section string, t *table.Table) error {
	if !b.wants(section) {
		return nil
	}
	return t.Write(b.out)
}

func (b *bench) progressf(format string, args ...any) {
	fmt.Fprintf(b.log, "%8s  %s\n", time.Since(b.started).Round(time.Second), fmt.Sprintf(format, args...))
}
