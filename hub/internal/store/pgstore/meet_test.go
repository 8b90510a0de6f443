package pgstore

import (
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// A role with two connections: reports and batches wait for each other, and none fails.
func TestFewConnections(t *testing.T) {
	server := serverstest.Postgres(t, "max_connections=12")
	server.SQL("CREATE ROLE small LOGIN PASSWORD 'of-the-guest' CONNECTION LIMIT 2", "CREATE DATABASE small OWNER small")
	url := server.URL("small", "of-the-guest", "small")
	t.Run("role", func(t *testing.T) { useAtOnce(t, open(t, url, Options{})) })
	t.Run("one is too few", func(t *testing.T) {
		server.SQL("ALTER ROLE small CONNECTION LIMIT 1")
		const want = "PostgreSQL: the role small may have 1 connection; Kymo needs 2, and 6 are better: ALTER ROLE small CONNECTION LIMIT 6"
		if got := openError(t, url); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		server.SQL("ALTER ROLE small CONNECTION LIMIT -1", "ALTER DATABASE small CONNECTION LIMIT 1")
		if got := openError(t, url); !strings.Contains(got, "the database small may have 1 connection; ") {
			t.Error(got)
		}
		server.SQL("ALTER DATABASE small CONNECTION LIMIT -1")
	})
	t.Run("server", func(t *testing.T) {
		s := open(t, url, Options{})
		// Others take all connections but two, and the one that a superuser may always have.
		for range 12 - 3 - 2 {
			connect(t, server.URL("postgres", serverstest.PostgresPassword, "postgres"))
		}
		useAtOnce(t, s)
	})
	t.Run("pooler in session mode", func(t *testing.T) {
		pooler := serverstest.PgBouncer(t, server, "pool_mode=session", "default_pool_size=2")
		useAtOnce(t, open(t, pooler.URL("postgres", "small")+"&connect_timeout=5", Options{}))
		pooler = serverstest.PgBouncer(t, server, "pool_mode=session", "default_pool_size=1")
		const want = "PostgreSQL: a second connection gets no answer, as from a pooler in session mode whose pool has room for one; Kymo needs 2, and 6 are better"
		if got := openError(t, pooler.URL("postgres", "small")+"&connect_timeout=5"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// useAtOnce makes many reports and sends many batches at the same time.
func useAtOnce(t *testing.T, s *Store) {
	t.Helper()
	mustAppend(t, s, requests("first", 0, 10))
	var work sync.WaitGroup
	for i := range uint64(16) {
		work.Go(func() {
			for range 2 {
				for _, err := range s.Rollups(t.Context(), store.RollupQuery{Window: window(storetest.Noon-dayMillis, storetest.Noon+dayMillis), Step: 3_600_000}) {
					if err != nil {
						t.Error(err)
					}
				}
				for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
		work.Go(func() {
			if _, err := s.Append(t.Context(), requests("a", i, 10)); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if got := counted(t, s); got < 17*10 {
		t.Errorf("%d requests are counted", got)
	}
}

// The first errors of a new installation name the remedy, and it works.
func TestRights(t *testing.T) {
	server := serverstest.Postgres(t)
	url := database(t, server)
	name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
	server.SQL(`CREATE ROLE "Guest" LOGIN PASSWORD 'of-the-guest'`, "CREATE ROLE owner LOGIN PASSWORD 'of-the-guest'")
	guest, admin := server.URL("Guest", "of-the-guest", name), connect(t, url)
	const want = `PostgreSQL: the role "Guest" may not create tables in the schema "public". As a superuser: GRANT USAGE, CREATE ON SCHEMA "public" TO "Guest"; ` +
		`or, for a schema of its own: CREATE SCHEMA kymo AUTHORIZATION "Guest"; and then add ?search_path=kymo to the URL`
	do(t, admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC") // as from PostgreSQL 15 on
	if got := openError(t, guest); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	do(t, admin, `CREATE SCHEMA kymo AUTHORIZATION "Guest"`)
	mustAppend(t, open(t, guest+"&search_path=kymo", Options{}), requests("a", 1, 3))
	do(t, admin, `GRANT USAGE, CREATE ON SCHEMA "public" TO "Guest"`)
	mustAppend(t, open(t, guest, Options{}), requests("a", 1, 3))

	do(t, admin, "GRANT USAGE, CREATE ON SCHEMA public TO owner", "CREATE SCHEMA closed")
	owner := server.URL("owner", "of-the-guest", name)
	for _, test := range []struct{ url, want string }{
		{owner, `the tables belong to the role "Guest"; connect as that one, or let owner do what it may: GRANT "Guest" TO owner`},
		{owner + "&search_path=closed", `the role owner may not use the schema "closed". As its owner: GRANT USAGE, CREATE ON SCHEMA "closed" TO owner`},
		{guest + "&default_transaction_read_only=on", `the database is read-only for the role "Guest"`},
		{server.Standby(t).URL("Guest", "of-the-guest", name), "the server is a standby, which takes no writes; name its primary"},
	} {
		if got := openError(t, test.url); !strings.Contains(got, test.want) || strings.Contains(got, "\n") {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	do(t, admin, `GRANT "Guest" TO owner`)
	s := open(t, owner, Options{})
	mustAppend(t, s, requests("a", 2, 3), on(-3, 3))
	if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
		t.Fatal(err)
	}
}
