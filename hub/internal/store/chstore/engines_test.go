package chstore

import (
	"sync"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/pgstore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// All engines give the same answers to the same batches, to the last bit.
func TestEnginesAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("each engine is held against the same oracle; make test-long compares them with each other")
	}
	postgres, clickhouse := serverstest.Postgres(t), serverstest.ClickHouse(t, password)
	postgres.SQL("CREATE DATABASE kymo")
	dir, url, mu := t.TempDir(), database(clickhouse), new(sync.RWMutex)
	storetest.Together(t,
		storetest.Engine{Open: func(t testing.TB) store.Store {
			s, err := pebblestore.Open(dir, pebblestore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}},
		storetest.Engine{Open: func(t testing.TB) store.Store {
			s, err := pgstore.Open(postgres.URL("postgres", serverstest.PostgresPassword, "kymo"), pgstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}},
		storetest.Engine{Open: func(t testing.TB) store.Store { return &busy{open(t, url, Options{tuning: quick}), t, mu} }},
	)
}
