package pgstore

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// database makes an empty database on a server and returns its URL.
func database(t testing.TB, server *serverstest.PostgresServer) string {
	t.Helper()
	name := fmt.Sprintf("kymo%d", databases.Add(1))
	server.SQL("CREATE DATABASE " + name)
	return server.URL("postgres", serverstest.PostgresPassword, name)
}

var databases atomic.Int64

func open(t testing.TB, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var claims = storetest.Abilities{Floorer: true, Sizer: true, Timekeeper: true, Checker: true, Remote: true, Documenter: true}

// Pages are merged all the time, so that most answers come from merged ones.
func TestConformance(t *testing.T) {
	server := serverstest.Postgres(t)
	storetest.Run(t, claims, func(t testing.TB) storetest.Engine {
		url := database(t, server)
		return storetest.Engine{Open: func(t testing.TB) store.Store {
			return open(t, url, Options{tuning: tuning{mergeEvery: 1, parts: 2}})
		}}
	})
}
