// Package storage measures what keeps requests and answers reports about them:
// Kymo's hub, a process of its own behind HTTP, with its data in a directory, in
// PostgreSQL or in ClickHouse; PostgreSQL without it; and DuckDB, in this
// process. Each is given the same requests.
package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
)

// batchSize is how many requests a batch holds, unless said otherwise.
const batchSize = 8192

// window is how much of a report's 168 hours the requests fill: an hour is left
// so that none of them leaves the window while the measurement runs.
const (
	reportHours = 168
	window      = (reportHours - 1) * time.Hour
)

// engine keeps requests.
type engine interface {
	// load keeps the requests, durably.
	load(ctx context.Context, c dataset.Config) error
	// reports are the ways in which it reports percentiles per endpoint.
	reports() []report
	// memory is what it took at most so far, 0 if unknown.
	memory() (int64, error)
	// finish stops it in an orderly way and returns the bytes that it keeps.
	finish(ctx context.Context) (int64, error)
	// kill frees what is left of it. It may be called after finish.
	kill()
}

// report asks for count and percentiles of each endpoint and method over 168 h.
type report struct {
	name string
	run  func(ctx context.Context) ([]row, error)
}

// row is one line of a report; percentiles are in milliseconds.
type row struct {
	dataset.Series
	total         int64
	p50, p95, p99 float64
}

// errAbsent is the error of a peer that is not installed.
var errAbsent = errors.New("not installed")

// spread are n requests over the window that ends now.
func spread(n int) dataset.Config {
	return dataset.Config{N: n, End: time.Now(), Span: window, Seed: 1}
}

// liveRate is how fast the time of live requests passes: as many per second of
// their time as the hub is meant to take per second of ours.
const liveRate = 5_000_000

// live are n requests that end now and come at liveRate.
func live(n int) dataset.Config {
	span := time.Duration(float64(n) / liveRate * float64(time.Second))
	return dataset.Config{N: n, End: time.Now(), Span: max(span, time.Second), Seed: 1}
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
