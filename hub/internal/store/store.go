// Package store says what an engine that keeps Kymo's data must do. Batches go
// in through Append; rollups merged over a window, and the requests themselves,
// come out. How an engine merges, compacts and indexes is its own affair.
package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// Store keeps requests and their rollups. Its methods may be called by many
// goroutines at once.
type Store interface {
	// Append keeps the batches, all or none of them, and returns once they are
	// durable and visible to every later call. A batch whose identity (instance
	// and sequence) was kept before, at least as long as 168 h ago, is passed
	// over: the result says for each batch whether it was new. The batches must
	// be valid and are not read after Append returns.
	//
	// After an error it is not known whether the batches were kept; appending
	// them again is always right. ErrFull and ErrUnavailable say that it is worth
	// trying again later.
	Append(ctx context.Context, batches ...*wire.Batch) (fresh []bool, err error)

	// Rollups yields one rollup for each series with a request in the query's
	// window, and one for each service with dropped requests, in no particular
	// order. Each is merged over the window exactly: it holds just the requests
	// whose start lies in it. With a step, that holds for each part into which the
	// window's multiples of the step cut it: the earlier ones come first. A rollup
	// is valid until the next is asked for.
	Rollups(ctx context.Context, q Query) iter.Seq2[*rollup.Rollup, error]

	// Requests yields the requests in the query's window that match it, ordered by
	// start.
	Requests(ctx context.Context, q Query) iter.Seq2[*Record, error]

	// Health yields the health results that the query selects, ordered by the
	// beginning of their span, and then by name and instance.
	Health(ctx context.Context, q HealthQuery) iter.Seq2[*HealthRecord, error]

	// HealthNames yields the names of the checks that have a result in the
	// window, each once and in order.
	HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error]

	// Prune forgets what lies wholly before the instant (Unix milliseconds).
	// What lies across it may stay.
	Prune(ctx context.Context, before int64) error

	// Close makes the store durable and frees it. Calls after it fail with ErrClosed.
	Close() error
}

// Query selects series and a window. An empty field selects everything.
type Query struct {
	rollup.Window
	Service  string
	Endpoint string
	Method   string

	// Step has Rollups cut the window at its multiples (milliseconds). It means
	// nothing elsewhere.
	Step int64

	// Least has Requests yield only those that took at least so long, and User only
	// those of a user. They mean nothing elsewhere.
	Least time.Duration
	User  string

	// Coarse lets Rollups merge series that have the same status, and either all or
	// none of them the endpoint wire.Other: the key is that of one of them. It is
	// for who adds all of them up, and a store need not heed it.
	Coarse bool
}

// Selects says whether the query's filters, other than its window, let the key pass.
func (q *Query) Selects(k *rollup.Key) bool {
	return (q.Service == "" || q.Service == k.Service) &&
		(q.Endpoint == "" || q.Endpoint == k.Endpoint) &&
		(q.Method == "" || q.Method == k.Method)
}

// Matches says whether Requests yields the record.
func (q *Query) Matches(r *Record) bool {
	return q.Contains(r.Start) && q.Selects(&r.Key) && r.Duration >= q.Least && (q.User == "" || q.User == r.User)
}

// SelectsDrops says whether counts of dropped requests of the service answer
// the query: they are known per service only, so they count for any endpoint.
func (q *Query) SelectsDrops(service string) bool {
	return q.Service == "" || q.Service == service
}

// Record is a request as kept.
type Record struct {
	wire.Request
	Instance string
}

// HealthQuery selects the health results whose span touches the window: it
// begins before the window's end and does not end before its beginning.
type HealthQuery struct {
	rollup.Window
	Name string // as HealthResult.Name says; "" selects every check
}

// Selects says whether the query lets the result pass.
func (q *HealthQuery) Selects(r *wire.HealthResult) bool {
	return q.From <= q.To && r.From < q.To && r.To >= q.From && (q.Name == "" || q.Name == r.Name())
}

// HealthRecord is a health result as kept.
type HealthRecord struct {
	wire.HealthResult
	Instance string // that made it
}

// Errors that callers decide on; others are the engine's own.
var (
	ErrClosed      = errors.New("store is closed")
	ErrFull        = errors.New("store has no room left")
	ErrUnavailable = errors.New("store is unavailable")
	ErrLocked      = errors.New("store is in use by another process")
	ErrVersion     = errors.New("store was written by a newer version of Kymo")
)
