package chstore

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/wire"
)

const password = "geheim"

// database is the URL of an empty database on a server.
func database(server *serverstest.ClickHouseServer) string {
	return server.URL("default", password, fmt.Sprintf("kymo%d", databases.Add(1)))
}

var databases atomic.Int64

// quick does not wait for more, and leaves it to the test to add up.
var quick = tuning{pace: 1, settle: settling{every: time.Hour, after: 1, minutes: 1, hours: 3, most: 5}}

func open(t testing.TB, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// busy is a store that adds up before each question, what is older than a
// second. So that nothing of that age is still being written, it waits for what
// is under way.
type busy struct {
	*Store
	t  testing.TB
	mu *sync.RWMutex // of all that use the same database
}

func (b *busy) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.Store.Append(ctx, batches...)
}

func (b *busy) Rollups(ctx context.Context, q store.Query) iter.Seq2[*rollup.Rollup, error] {
	if !b.closed.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if err := b.settleUp(ctx); err != nil {
			b.t.Errorf("adding up: %v", err)
		}
	}
	return b.Store.Rollups(ctx, q)
}

func TestConformance(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	conform(t, func() string { return database(server) })
}

func conform(t *testing.T, database func() string) {
	storetest.Run(t, func(t testing.TB) storetest.Engine {
		url, mu := database(), new(sync.RWMutex)
		return storetest.Engine{Open: func(t testing.TB) store.Store { return &busy{open(t, url, Options{tuning: quick}), t, mu} }}
	})
}
