package probe

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

func TestMySQL(t *testing.T) {
	t.Parallel()
	server := serverstest.MariaDB(t, "--max-connections=10", "--server-id=1", "--log-bin", "--performance-schema=on")
	root := server.URL("root", serverstest.MariaDBPassword, "mysql")
	admin := mysqlAdmin(t, server)
	do := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if _, err := admin.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	probe := func(t *testing.T, s Spec) health.Probe {
		s.Type = "mysql"
		if s.URL == "" {
			s.URL = root
		}
		return openProbe(t, s)
	}
	t.Run("details", func(t *testing.T) {
		details := wantHealthy(t, probe(t, Spec{Writable: true, MaxLag: time.Second, Query: "SELECT * FROM information_schema.collations"}))
		for name, want := range map[string]any{"read_only": false, "connections_max": int64(10)} {
			if details[name] != want {
				t.Errorf("%s is %v, not %v", name, details[name], want)
			}
		}
		if lag, ok := details["lag_ms"]; ok {
			t.Errorf("a server that is not a replica is %v ms behind", lag)
		}
	})

	t.Run("connections", func(t *testing.T) {
		do("CREATE USER app IDENTIFIED BY 'geheim' WITH MAX_USER_CONNECTIONS 1")
		crowded := probe(t, Spec{URL: server.URL("app", "geheim", ""), MaxConnections: 0.1})
		wantProblem(t, crowded, enough, health.Degraded, "of 10 connections used")
		one := probe(t, Spec{URL: server.URL("app", "geheim", "")})
		eventually(t, "its connection is gone", func() bool { _, err := runProbe(t, one, enough); return err == nil })
		wantProblem(t, probe(t, Spec{URL: server.URL("app", "geheim", "")}), enough, health.Down, "too many connections")
		_ = one.Close()
	})

	t.Run("read-only", func(t *testing.T) {
		strict := probe(t, Spec{Writable: true})
		wantHealthy(t, strict)
		do("SET GLOBAL read_only = 1")
		wantProblem(t, strict, enough, health.Down, "read-only: read_only is on")
		if details := wantHealthy(t, probe(t, Spec{})); details["read_only"] != true {
			t.Errorf("it is read-only, and its details are %v", details)
		}
		do("SET GLOBAL read_only = 0")
		wantHealthy(t, strict)
	})

	t.Run("query", func(t *testing.T) {
		for query, problem := range map[string]string{
			"SELECT * FROM nowhere":                        "Table 'mysql.nowhere' doesn't exist",
			"SELECT `" + serverstest.MariaDBPassword + "`": "Unknown column '***'",
			"SELECT '" + serverstest.MariaDBPassword:       "syntax",
			"KILL CONNECTION_ID()":                         "Connection was killed",
		} {
			wantProblem(t, probe(t, Spec{Query: query, URL: root}), enough, health.Down, problem)
		}
		slow := probe(t, Spec{Query: "SELECT SLEEP(60)"})
		wantProblem(t, slow, short, health.Down, "no answer within 150 ms")
		eventually(t, "the query has ended", func() bool {
			var running int
			query := "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
			if err := admin.QueryRow(query).Scan(&running); err != nil {
				t.Fatal(err)
			}
			return running == 0
		})
		wantProblem(t, probe(t, Spec{URL: root + "?tls=true"}), enough, health.Down, "TLS")
		wantProblem(t, probe(t, Spec{URL: server.URL("root", serverstest.MariaDBPassword, "nowhere")}), enough, health.Down,
			"Unknown database 'nowhere'")
	})

	t.Run("replication", func(t *testing.T) {
		do("CREATE USER weak IDENTIFIED BY 'geheim'")
		wantProblem(t, probe(t, Spec{URL: server.URL("weak", "geheim", ""), MaxLag: time.Second}), enough, health.Unknown,
			"grant REPLICA MONITOR")
		replica := serverstest.MariaDB(t, "--server-id=2")
		mine := replica.URL("root", serverstest.MariaDBPassword, "mysql")
		do("CREATE USER copy IDENTIFIED BY 'geheim'", "GRANT REPLICATION SLAVE ON *.* TO copy")
		theirs := mysqlAdmin(t, replica)
		start := fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='copy', "+
			"MASTER_PASSWORD='geheim', MASTER_USE_GTID=current_pos", server.Port())
		if _, err := theirs.Exec(start); err != nil {
			t.Fatal(err)
		}
		lag := probe(t, Spec{URL: mine, MaxLag: time.Hour})
		wantProblem(t, lag, enough, health.Degraded, "replication is not running")
		if _, err := theirs.Exec("START SLAVE"); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it replicates", func() bool { _, err := runProbe(t, lag, enough); return err == nil })
		if details := wantHealthy(t, lag); details["lag_ms"] == nil {
			t.Errorf("a replica has no lag in %v", details)
		}
	})
}

// mysqlAdmin is a connection of the superuser's.
func mysqlAdmin(t *testing.T, server *serverstest.MariaDBServer) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("root:%s@tcp(%s)/mysql", serverstest.MariaDBPassword, server.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

func TestJudgeSources(t *testing.T) {
	for _, test := range []struct {
		sources []map[string]string
		lag     any
		problem string
	}{
		{nil, nil, ""},
		{[]map[string]string{{"seconds_behind_master": "0"}}, int64(0), ""},
		{[]map[string]string{{"seconds_behind_source": "3"}, {"seconds_behind_source": "1"}}, int64(3000), ""},
		{[]map[string]string{{"seconds_behind_master": "10"}}, int64(10000), "replication is 10 s behind"},
		{[]map[string]string{{"seconds_behind_source": ""}}, nil, "replication is not running"},
	} {
		details, f := health.Details{}, findings{}
		judgeSources(test.sources, 5*time.Second, details, &f)
		problem := ""
		if err := f.err(); err != nil {
			problem = err.Error()
		}
		if details["lag_ms"] != test.lag || problem != test.problem {
			t.Errorf("%v: %v ms, %q; should be %v ms, %q", test.sources, details["lag_ms"], problem, test.lag, test.problem)
		}
	}
}
