package chstore

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// shardsOf is a store over some of the shards of another one's cluster, as a hub
// has it that found them like that in the cluster's definition.
func shardsOf(t testing.TB, url string, choose func([]*shard) []*shard) *Store {
	t.Helper()
	a, err := parseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c, err := discover(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.shards = choose(c.shards)
	for i, sh := range c.shards {
		sh.number = i + 1
		for _, n := range sh.nodes {
			n.ledger = i == 0
		}
	}
	s := &Store{cluster: c, tuning: quick, hub: 1, logger: slog.Default()}
	s.tuning.setDefaults()
	return s
}

// A cluster whose shards are in another order is not taken for an empty store, and
// a hub that does not know a shard which was added gives no smaller numbers.
func TestOtherShards(t *testing.T) {
	servers := serverstest.ClickHouseCluster(t, "main", password, 2, 1)
	url, oracle := servers.URL("kymo"), storetest.NewOracle()
	older := shardsOf(t, url, func(all []*shard) []*shard { return all[:1] })
	if err := older.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := storetest.Batch("a", 1, 70)
	if err := older.keep(t.Context(), callOf(b)); err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, older, oracle)

	turned := shardsOf(t, url, func(all []*shard) []*shard { slices.Reverse(all); return all })
	if err := turned.start(t.Context()); err == nil || !strings.Contains(err.Error(), "the ledger is on shard 2") {
		t.Errorf("with the shards in another order: %v", err)
	}

	s := open(t, url, Options{tuning: quick})
	mustAppend(t, s, oracle, storetest.Batch("a", 2, 70))
	storetest.Same(t, s, oracle)
	for _, err := range older.Rollups(t.Context(), store.RollupQuery{}) {
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "on 2 shards") {
			t.Errorf("with a shard that the hub does not know: %v", err)
		}
		return
	}
	t.Error("a hub reports without a shard")
}
