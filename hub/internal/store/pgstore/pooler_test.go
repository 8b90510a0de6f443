package pgstore

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// Behind a pooler, transactions of one connection go to several sessions of the server,
// and several connections share a session. Hubs that are restarted, or killed in the
// middle of whatever they do, leave nothing behind in these.
func TestPooler(t *testing.T) {
	server := serverstest.Postgres(t)
	for _, test := range []struct {
		mode, schema, size string
	}{
		{"transaction", "public", "4"},
		{"transaction", "apart", "2"},
		{"session", "apart", "16"},
	} {
		t.Run(test.mode+" "+test.schema, func(t *testing.T) {
			pooler := serverstest.PgBouncer(t, server, "pool_mode="+test.mode, "default_pool_size="+test.size)
			direct := database(t, server)
			conn := connect(t, direct)
			do(t, conn, `CREATE SCHEMA apart`)
			name := direct[strings.LastIndex(direct, "/")+1 : strings.Index(direct, "?")]
			url := pooler.URL("postgres", name)
			if test.schema != "public" {
				url += "&search_path=" + test.schema + "&statement_timeout=1min"
			}
			oracle := storetest.NewOracle()
			for round := range uint64(3) {
				// The first hub of a round is not closed: it goes away while the pooler is
				// restarted, as a hub does that is killed.
				left := open(t, url, Options{tuning: tuning{mergeEvery: time.Millisecond, parts: 2}})
				s := open(t, url, Options{})
				for i := range uint64(10) {
					b := requests("a", round*10+i, 20)
					mustAppend(t, left, b)
					mustAppend(t, s, b, requests("b", round*10+i, 5))
					if _, err := oracle.Append(t.Context(), b, requests("b", round*10+i, 5)); err != nil {
						t.Fatal(err)
					}
				}
				same(t, s, oracle)
				if err := s.Check(t.Context()); err != nil {
					t.Error(err)
				}
				pooler.Kill()
				pooler.Start()
				same(t, s, oracle)
				s.Close()
			}
			s := open(t, url, Options{})
			mustAppend(t, s, on(-3, 1000))
			if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis-dayMillis); err != nil {
				t.Fatal(err)
			}
			s.Close()
			if got, want := ask(t, conn, `SELECT count(*), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database
				WHERE datname = current_database())) FROM `+test.schema+`.api_metrics`), fmt.Sprint(3*10*25, " 0"); got != want {
				t.Errorf("requests and locks are %s, want %s", got, want)
			}
		})
	}
	t.Run("statement", func(t *testing.T) {
		pooler := serverstest.PgBouncer(t, server, "pool_mode=statement")
		s, err := Open(pooler.URL("postgres", "postgres"), Options{})
		if err == nil {
			s.Close()
		}
		const want = "PostgreSQL: the pooler is in statement mode, which has no transactions; set pool_mode to transaction or session, or connect without it"
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}
