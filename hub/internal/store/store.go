// Package store is the contract of the engines that keep Kymo's data.
//
// Batches go in through Append, which deduplicates them by identity. Rollups
// merged over a window, single requests and health results come out (query.go has
// what can be asked for), until Prune removes what is too old. Every engine
// implements Store (store.go); what only some can do besides is an interface of
// its own (optional.go). How an engine merges, compacts and indexes is up to it.
//
// Readers use Cleaned, which makes names fit to be shown whatever program stored them.
//
// Package storetest has the tests that every engine must pass.
package store

import (
	"context"
	"errors"
	"iter"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// Store keeps requests and their rollups. Its methods may be called by many
// goroutines at once.
type Store interface {
	// Append keeps the batches, all or none of them, and returns once they are
	// durable and visible to every later call. A batch whose identity (instance
	// and sequence) was kept within the last 168 h, or longer ago in some engines,
	// is skipped: fresh tells for each batch whether it was new. The batches must
	// be valid, with nothing in them later than 24 h from now, and are not read after
	// Append returns.
	//
	// After an error the batches may or may not have been kept; appending them
	// again is always safe. With ErrFull and ErrUnavailable it is worth trying
	// again later.
	Append(ctx context.Context, batches ...*wire.Batch) (fresh []bool, err error)

	// Rollups yields one rollup for each series with a request in the query's
	// window, and one for each service and reason with dropped requests, in no
	// particular order. Each is exact: it holds the requests that started in the window and no
	// others. With a step, the window is cut at the multiples of the step, and each
	// part is answered like a window of its own, the earlier parts first. A rollup
	// is valid until the next iteration.
	Rollups(ctx context.Context, q RollupQuery) iter.Seq2[*rollup.Rollup, error]

	// Requests yields the requests that match the query, ordered by start.
	Requests(ctx context.Context, q RequestQuery) iter.Seq2[*Record, error]

	// Health yields the health results that the query selects, ordered by the
	// beginning of their span, and then by name and instance.
	Health(ctx context.Context, q HealthQuery) iter.Seq2[*HealthRecord, error]

	// HealthNames yields the names of the checks that have a result in the
	// window, each once and in order.
	HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error]

	// Prune deletes what lies entirely before the instant (Unix milliseconds).
	// What extends across it may stay. Batches stay known by their identity.
	Prune(ctx context.Context, before int64) error

	// Close makes the store durable and frees it. Calls after it fail with ErrClosed.
	Close() error
}

// Errors that callers distinguish; others are the engine's own.
var (
	ErrClosed      = errors.New("store is closed")
	ErrFull        = errors.New("store has no room left")
	ErrUnavailable = errors.New("store is unavailable")
	ErrLocked      = errors.New("store is in use by another process")
	ErrDamaged     = errors.New("store is damaged")
	ErrVersion     = errors.New("store was written by a newer version of Kymo")
)
