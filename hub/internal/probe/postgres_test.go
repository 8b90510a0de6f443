package probe

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	server := serverstest.Postgres(t, "max_connections=50", "superuser_reserved_connections=3", "max_wal_senders=4")
	server.SQL("CREATE USER app PASSWORD 'geheim'", "CREATE USER monitor PASSWORD 'geheim' IN ROLE pg_monitor",
		"CREATE TABLE numbers AS SELECT generate_series(1, 100000) n", "GRANT SELECT ON numbers TO app")
	base := server.URL("app", "geheim", "postgres")
	probe := func(t *testing.T, s Spec) health.Probe {
		s.Type = "postgres"
		if s.URL == "" {
			s.URL = base
		}
		return openProbe(t, s)
	}
	t.Run("details", func(t *testing.T) {
		p := probe(t, Spec{Writable: true, MaxLag: time.Second, Query: "SELECT n FROM numbers"})
		alone(t, p)
		details := wantHealthy(t, p)
		for name, want := range map[string]any{"role": "primary", "read_only": false, "connections": int64(1),
			"connections_max": int64(47), "standbys": int64(0)} {
			if details[name] != want {
				t.Errorf("%s is %v, not %v", name, details[name], want)
			}
		}
		if named := server.SQL("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kymo'"); named != "1" {
			t.Errorf("%s connections are named kymo, not 1", named)
		}
	})

	t.Run("connections", func(t *testing.T) {
		// Three of the connections are for superusers, so that users have three.
		small := serverstest.Postgres(t, "max_connections=6", "superuser_reserved_connections=3", "max_wal_senders=0")
		small.SQL("CREATE USER app PASSWORD 'geheim'")
		probe := func(t *testing.T, s Spec) health.Probe {
			s.URL = small.URL("app", "geheim", "postgres")
			return probe(t, s)
		}
		one, two, other, three := probe(t, Spec{}), probe(t, Spec{MaxConnections: 0.6}), probe(t, Spec{}), probe(t, Spec{})
		alone(t, two)
		wantHealthy(t, two)
		wantHealthy(t, one)
		wantProblem(t, two, enough, health.Degraded, "2 of 3 connections used")
		eventually(t, "another takes the place of the connection that was dropped", func() bool {
			_, err := runProbe(t, other, enough)
			return err == nil
		})
		eventually(t, "three connections are used", func() bool {
			_, err := runProbe(t, three, enough)
			return health.StatusOf(err) == health.Degraded && strings.Contains(err.Error(), "3 of 3 connections used; close some")
		})
		var another *pgconn.PgConn
		eventually(t, "the third connection is free", func() (ok bool) {
			var err error
			another, err = pgconn.Connect(t.Context(), small.URL("app", "geheim", "postgres"))
			return err == nil
		})
		defer another.Close(context.Background())
		four := probe(t, Spec{})
		wantProblem(t, four, enough, health.Down, "too many connections")
		_, _ = one.Close(), other.Close()
		eventually(t, "there is room", func() bool { _, err := runProbe(t, four, enough); return err == nil })
	})

	t.Run("read-only", func(t *testing.T) {
		strict, lax := probe(t, Spec{Writable: true}), probe(t, Spec{})
		wantHealthy(t, strict)
		server.SQL("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
		eventually(t, "its session is read-only", func() bool { _, err := runProbe(t, strict, enough); return err != nil })
		wantProblem(t, strict, enough, health.Down, "read-only: default_transaction_read_only is on")
		if details := wantHealthy(t, lax); details["read_only"] != true {
			t.Errorf("it is read-only, and its details are %v", details)
		}
		server.SQL("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
		eventually(t, "its session takes writes", func() bool { _, err := runProbe(t, strict, enough); return err == nil })
	})

	t.Run("query", func(t *testing.T) {
		for query, problem := range map[string]string{
			"SELECT * FROM nowhere": `relation "nowhere" does not exist`,
			"SELECT 1; SELECT 1/0":  "division by zero",
			"BEGIN":                 "the query leaves a transaction open",
			"SELECT 'geheim'::int":  `invalid input syntax for type integer: "***"`,
			"SELECT pg_terminate_backend(pg_backend_pid())": "connection closed by the server",
		} {
			p := probe(t, Spec{Query: query})
			wantProblem(t, p, enough, health.Down, problem)
			_ = p.Close()
		}
		// A password may be in a file; then the URL has none to hide.
		file := filepath.Join(t.TempDir(), "pass")
		if err := os.WriteFile(file, []byte("*:*:*:*:geheim\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		from := "&passfile=" + url.QueryEscape(file)
		wantProblem(t, probe(t, Spec{URL: server.URL("app", "", "postgres") + from, Query: "SELECT 'geheim'::int"}),
			enough, health.Down, `"***"`)
		slow := probe(t, Spec{Query: "SELECT pg_sleep(60)"})
		wantProblem(t, slow, short, health.Down, "no answer within 150 ms")
		eventually(t, "the query is cancelled", func() bool {
			return server.SQL("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'") == "0"
		})
		wantProblem(t, probe(t, Spec{URL: server.URL("app", "geheim", "nowhere")}), enough, health.Down,
			`database "nowhere" does not exist`)
	})

	t.Run("standby", func(t *testing.T) {
		standby := server.Standby(t)
		follower := Spec{URL: standby.URL("app", "geheim", "postgres"), MaxLag: 100 * time.Millisecond}
		primary := Spec{URL: server.URL("monitor", "geheim", "postgres"), MaxLag: 50 * time.Millisecond}
		behind, before := probe(t, follower), probe(t, primary)
		eventually(t, "it has caught up", func() bool { _, err := runProbe(t, behind, enough); return err == nil })
		if details := wantHealthy(t, behind); details["role"] != "standby" || details["read_only"] != true {
			t.Errorf("a standby has details %v", details)
		}
		follower.Writable = true
		wantProblem(t, probe(t, follower), enough, health.Down, "read-only: it is a standby")
		hidden := wantProblem(t, probe(t, Spec{MaxLag: time.Hour}), enough, health.Unknown, "grant pg_monitor to app")
		if lag, ok := hidden["lag_ms"]; ok {
			t.Errorf("a lag of %v that cannot be seen", lag)
		}
		eventually(t, "the primary sees its standby", func() bool {
			details, _ := runProbe(t, before, enough)
			return details["standbys"] == int64(1)
		})

		// A standby that receives and does not replay is behind, to both of them.
		standby.SQL("SELECT pg_wal_replay_pause()")
		server.SQL("CREATE TABLE news (n int)")
		eventually(t, "it is behind", func() bool {
			_, err := runProbe(t, behind, enough)
			return health.StatusOf(err) == health.Degraded
		})
		wantProblem(t, behind, enough, health.Degraded, "replication is ")
		eventually(t, "the primary has noticed", func() bool {
			_, err := runProbe(t, before, enough)
			return health.StatusOf(err) == health.Degraded
		})
		standby.SQL("SELECT pg_wal_replay_resume()")
		eventually(t, "the primary sees it replay", func() bool { _, err := runProbe(t, before, enough); return err == nil })
		eventually(t, "it has caught up", func() bool { _, err := runProbe(t, behind, enough); return err == nil })

		server.Stop()
		eventually(t, "the standby has noticed", func() bool { _, err := runProbe(t, behind, enough); return err != nil })
		wantProblem(t, behind, enough, health.Degraded, "the standby receives nothing from its primary")
		server.Start()
	})
}

// alone waits until a probe's connection is the only one: a server frees the slot of a
// connection some time after its client closed it.
func alone(t *testing.T, p health.Probe) {
	t.Helper()
	eventually(t, "the connections of before are gone", func() bool {
		details, _ := runProbe(t, p, enough)
		return details["connections"] == int64(1)
	})
}

func TestPostgresReason(t *testing.T) {
	p := &postgres{config: &pgconn.Config{}}
	if got := p.reason(&pgconn.PgError{Code: "57P01", Message: "x"}); !isLost(got) {
		t.Errorf("a server that shuts down is %v", got)
	}
}

func TestWALMarks(t *testing.T) {
	var m walMarks
	start := time.Now()
	for i, test := range []struct{ second, written, replayed, lag int64 }{
		{0, 100, 100, 0},
		{1, 200, 150, 0}, // written since the last look
		{2, 200, 150, 1},
		{3, 300, 199, 2},
		{4, 300, 200, 1}, // what was there at second 1 is replayed, that of 3 is not
		{5, 300, 300, 0},
		{6, 400, 300, 0},
		{9, 500, 350, 3},
	} {
		got := m.lag(start.Add(time.Duration(test.second)*time.Second), test.written, test.replayed)
		if want := time.Duration(test.lag) * time.Second; got != want {
			t.Errorf("%d: is %s, not %s", i, got, want)
		}
	}
	for i := range int64(10 * maxMarks) {
		got := m.lag(start.Add(time.Duration(10+i)*time.Second), 1000+i, 350)
		if want := time.Duration(4+i) * time.Second; got != want || len(m) > maxMarks {
			t.Fatalf("after %d marks it is %s, not %s, with %d kept", i, got, want, len(m))
		}
	}
}
