package chstore

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

const password = "geheim"

// database is the URL of an empty database on a server.
func database(server *serverstest.ClickHouseServer) string {
	return server.URL("default", password, fmt.Sprintf("kymo%d", databases.Add(1)))
}

var databases atomic.Int64

// quick does not wait for more, and leaves it to the test to add up.
var quick = tuning{pace: 1, sealing: sealing{every: time.Hour, after: 1, minutes: 1, hours: 3, days: 6, groups: 5}}

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

func (b *busy) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	if !b.closed.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if err := b.sealDue(ctx); err != nil {
			b.t.Errorf("adding up: %v", err)
		}
	}
	return b.Store.Rollups(ctx, q)
}

var claims = storetest.Abilities{Floorer: true, Sizer: true, Timekeeper: true, Checker: true, Remote: true, Documenter: true}

func TestConformance(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	conform(t, func() string { return database(server) })
}

func conform(t *testing.T, database func() string) {
	storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
		url, mu := database(), new(sync.RWMutex)
		return storetest.Engine{Open: func(t testing.TB) store.Store { return &busy{open(t, url, Options{tuning: quick}), t, mu} }}
	})
}

// Tables of an earlier version get the columns that they lack, and keep what they have.
func TestTablesOfAnEarlierVersion(t *testing.T) {
	server, oracle := serverstest.ClickHouse(t, password), storetest.NewOracle()
	url := database(server)
	name := url[strings.LastIndexByte(url, '/')+1:]
	name, _, _ = strings.Cut(name, "?")
	s := open(t, url, Options{tuning: quick})
	mustAppend(t, s, oracle, storetest.Batch("a", 1, 70))
	s.Close()
	for _, column := range []string{"version", "error", "trace_id"} {
		server.SQL("ALTER TABLE " + name + ".api_metrics DROP COLUMN " + column)
	}
	s = open(t, url, Options{tuning: quick})
	b := storetest.Batch("b", 1, 70)
	b.Version, b.Traces = "1.4.2", make([]wire.TraceID, b.Len())
	b.Traces[7] = wire.TraceID{1, 15: 2}
	mustAppend(t, s, oracle, b)
	storetest.Same(t, s, oracle)
}

// Nothing happens to this cluster; make cluster runs the tests that break one.
// Two hubs keep, add up and report, and forget.
func TestQuietCluster(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 2)
	url, oracle := servers.URL("kymo"), storetest.NewOracle()
	first, second := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	for n := range uint64(6) {
		mustAppend(t, []*Store{first, second}[n%2], oracle, storetest.Batch("a", 1+n, 70))
	}
	for _, s := range []*Store{first, second} {
		fresh, err := s.Append(t.Context(), storetest.Batch("a", 6, 70))
		if err != nil || fresh[0] {
			t.Errorf("a batch that comes again: %v, %v", fresh, err)
		}
	}
	time.Sleep(3 * time.Second) // by the servers' clock, the groups are old enough then
	if err := first.sealDue(t.Context()); err != nil {
		t.Error(err)
	}
	for _, s := range []*Store{first, second} {
		storetest.Same(t, s, oracle)
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
	// A document of one hub is one of the other at once, and the later change counts.
	for n, s := range []*Store{first, second, first} {
		d := &store.Document{Kind: "check", Name: "a", JSON: fmt.Append(nil, n), Created: time.UnixMilli(1), Updated: time.UnixMilli(9 - int64(n))}
		if err := s.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		for _, reader := range []*Store{first, second} {
			if found, err := reader.Documents(t.Context(), "check"); err != nil || len(found) != 1 || string(found[0].JSON) != fmt.Sprint(n) {
				t.Errorf("after change %d: %v, %v", n, found, err)
			}
		}
	}
	if err := second.DeleteDocument(t.Context(), "check", "a"); err != nil {
		t.Fatal(err)
	}
	if found, err := first.Documents(t.Context(), ""); err != nil || len(found) > 0 {
		t.Errorf("once deleted: %v, %v", found, err)
	}
	for _, shard := range servers.Nodes {
		shard[0].SQL("ALTER TABLE kymo.api_metrics_local DROP COLUMN version")
		for _, node := range shard {
			node.SQL("ALTER TABLE kymo.api_metrics DROP COLUMN version")
		}
	}
	third := open(t, url, Options{tuning: quick}) // which brings the tables up to date
	b := storetest.Batch("b", 1, 70)
	b.Version = "1.4.2"
	mustAppend(t, third, oracle, b)
	storetest.Same(t, first, oracle)
	for _, shard := range servers.Nodes {
		for _, node := range shard {
			if n := node.SQL("SELECT count() FROM kymo.kymo_trusted"); n == "0" {
				t.Errorf("%s is not trusted", node.Addr())
			}
		}
	}
	// What one of them could not do a moment ago does not make it one of the dead.
	hiccup := first.ledger().nodes[1]
	hiccup.shun(errNotLeader, true)
	if err := first.everywhereNow(t.Context(), first.ledger(), hiccup.tables(), func(context.Context, *node) error { return nil }); err != nil {
		t.Error(err)
	}
	if err := second.Prune(t.Context(), storetest.Noon+30*24*3600*1000); err != nil {
		t.Error(err)
	}
	for range first.Requests(t.Context(), store.RequestQuery{Window: rollup.Window{From: 0, To: storetest.Noon + 24*3600*1000}}) {
		t.Error("something is left")
		break
	}
}
