package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

func window(from, to int64) rollup.Window { return rollup.Window{From: from, To: to} }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// ask returns the first row of an answer as text.
func ask(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no row, %v", sql, rows.Err())
	}
	values, err := rows.Values()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(fmt.Sprint(values), "[]")
}

// Queries that were written for the two plain tables work as they are.
func TestPlainQueries(t *testing.T) {
	url := database(t, serverstest.Postgres(t, "timezone=Asia/Tokyo"))
	s := open(t, url, Options{})
	now := time.Now().UTC().Truncate(time.Millisecond)
	b := wire.NewBuilder()
	for i := range 100 {
		status := 200
		if i%10 == 0 {
			status = 500
		}
		b.Add(&wire.Request{Key: wire.Key{Service: "shop", Endpoint: "/users/{id}", Method: "GET", Status: status}, User: []string{"", "ann"}[i%2],
			Start: now.Add(-time.Minute).UnixMilli(), Duration: time.Duration(i+1)*time.Millisecond + 400*time.Microsecond})
	}
	b.AddHealth(wire.HealthResult{Check: "redis", Status: health.Down, From: now.UnixMilli() - 1000, To: now.UnixMilli(), Details: `{"error": "refused", "n":[1]}`})
	if _, err := s.Append(t.Context(), b.Batch("a", 1)); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	for sql, want := range map[string]string{
		`SELECT count(*), avg(response_time_ms)::float8, percentile_cont(0.95) WITHIN GROUP (ORDER BY response_time_ms),
			avg((status_code >= 500)::int)::float8 FROM api_metrics WHERE endpoint = '/users/{id}'`: "100 50.5 95.05 0.1",
		`SELECT count(user_id), count(DISTINCT metric_id), min(user_id) FROM api_metrics WHERE method = 'GET'`:                "50 100 ann",
		`SELECT count(*) FROM api_metrics WHERE created_at >= (now() AT TIME ZONE 'UTC') - interval '1 hour'`:                 "100",
		`SELECT max(extract(epoch FROM created_at) * 1000)::bigint FROM api_metrics`:                                          fmt.Sprint(now.Add(-time.Minute).UnixMilli()),
		`SELECT service_name, status, details->>'error', (extract(epoch FROM checked_at) * 1000)::bigint FROM service_health`: "redis down refused " + fmt.Sprint(now.UnixMilli()),
		`SELECT status FROM service_health WHERE service_name = 'redis' ORDER BY checked_at DESC LIMIT 1`:                     "down",
		`SELECT string_agg(column_name || ' ' || data_type || coalesce('(' || character_maximum_length || ')', ''), ', ' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_name = 'api_metrics' AND ordinal_position <= 7`: "metric_id uuid, endpoint character varying(255), " +
			"method character varying(10), response_time_ms integer, status_code integer, user_id character varying(255), created_at timestamp without time zone",
		`SELECT string_agg(column_name || ' ' || data_type || coalesce('(' || character_maximum_length || ')', ''), ', ' ORDER BY ordinal_position)
			FROM information_schema.columns WHERE table_name = 'service_health' AND ordinal_position <= 5`: "health_id uuid, service_name character varying(100), " +
			"status character varying(20), details jsonb, checked_at timestamp without time zone",
		`SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE indexname IN ('idx_api_metrics_endpoint', 'idx_service_health_checked')`: "idx_api_metrics_endpoint idx_service_health_checked",
		// Version 7, and it says when.
		`SELECT DISTINCT substr(metric_id::text, 15, 1), ('x' || left(replace(metric_id::text, '-', ''), 12))::bit(48)::bigint FROM api_metrics`: "7 " + fmt.Sprint(now.Add(-time.Minute).UnixMilli()),
	} {
		if got := ask(t, conn, sql); got != want {
			t.Errorf("%s\nsays %s, want %s", sql, got, want)
		}
	}
	// Rows of others have their place, today and the days after; they are not
	// counted, and not taken for Kymo's.
	for _, sql := range []string{
		`INSERT INTO api_metrics (endpoint, method, response_time_ms, status_code, user_id) VALUES ('/own', 'GET', 5, 200, NULL)`,
		`INSERT INTO api_metrics VALUES (gen_random_uuid(), '/own', 'GET', 5, 200, 'u', now() AT TIME ZONE 'UTC' + interval '2 days')`,
		`INSERT INTO service_health (service_name, status, details) VALUES ('own', 'healthy', '{}')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for r, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil || r.Endpoint != "/users/{id}" {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
	for r, err := range s.Health(t.Context(), store.HealthQuery{Window: everything}) {
		if err != nil || r.Check != "redis" {
			t.Fatalf("got %+v, %v", r, err)
		}
	}
}

// Details that JSONB would not take are kept nevertheless.
func TestDetailsBeyondJSONB(t *testing.T) {
	for details, want := range map[string]string{
		`{"a":"\u0000","\u0000b":1e999999,"c":[1.50,"<x>",{"d":null}],"e":1e-999999,"f":12345678901234567890}`: `{"a":"` + "\uFFFD" + `","c":[1.50,"<x>",{"d":null}],"e":"1e-999999","f":12345678901234567890,"` + "\uFFFD" + `b":"1e999999"}`,
		`{"a":1,"a":2}`: `{"a":2}`,
	} {
		value, text := jsonb(details)
		if *value != want || *text != details {
			t.Errorf("%s becomes %s and %s", details, *value, *text)
		}
	}
}

// Tables of an earlier version are brought up to date, with what is in them.
func TestMigration(t *testing.T) {
	url := database(t, serverstest.Postgres(t))
	conn := connect(t, url)
	first, err := migrations.ReadFile("migrations/00001_requests.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`CREATE TABLE ` + versionTable + ` (id INT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, version_id BIGINT NOT NULL,
			is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP NOT NULL DEFAULT now())`,
		`INSERT INTO ` + versionTable + ` (version_id, is_applied) VALUES (0, true), (1, true)`,
		string(first),
		`INSERT INTO kymo_instances (name, numbers, seen_at) VALUES ('a', '\x0106', now())`, // 1 to 7
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, url, Options{})
	fresh, err := s.Append(t.Context(), requests("a", 7, 10), requests("a", 8, 10))
	if err != nil || fresh[0] || !fresh[1] {
		t.Errorf("got %v, %v", fresh, err)
	}
	if got := ask(t, conn, `SELECT max(version_id), (SELECT count(*) FROM service_health) FROM `+versionTable); got != "5 0" {
		t.Errorf("version and results are %s", got)
	}
	// A newer version is left alone.
	if _, err := conn.Exec(t.Context(), `INSERT INTO `+versionTable+` (version_id, is_applied) VALUES (99, true)`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(url, Options{}); !errors.Is(err, store.ErrVersion) {
		t.Errorf("tables of a newer version: %v", err)
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"failed:\n\ta: refused\n\ta: refused\n\tb: no\n": "failed: a: refused; b: no",
		"failed": "failed",
		"":       "",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	server := serverstest.Postgres(t)
	theirs := database(t, server)
	if _, err := connect(t, theirs).Exec(t.Context(), `CREATE TABLE api_metrics (a INT)`); err != nil {
		t.Fatal(err)
	}
	server.SQL("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0", "CREATE ROLE reader LOGIN PASSWORD 'hunter2'")
	fine := database(t, server)
	for _, test := range []struct{ name, url, want string }{
		{"tables of others", theirs, "there is a table api_metrics that Kymo did not make; rename it, or give Kymo a schema"},
		{"encoding", server.URL("postgres", serverstest.PostgresPassword, "ascii"), "encoding is SQL_ASCII; use one with the encoding UTF8"},
		{"schema", fine + "&search_path=none", "no schema on the search path exists"},
		{"password", server.URL("reader", "hunter3", "postgres"), "password authentication failed"},
		{"rights", server.URL("reader", "hunter2", fine[strings.LastIndex(fine, "/")+1:strings.Index(fine, "?")]), "the role reader may not create tables in the schema \"public\". As a superuser: GRANT USAGE, CREATE ON SCHEMA \"public\" TO reader; "},
		{"database", server.URL("postgres", serverstest.PostgresPassword, "none"), `database "none" does not exist`},
		{"slash", "postgres://u:hunter%/2@127.0.0.1/db", "/ as %2F"},
		{"slash after a port", "postgres://u:1/hunter@127.0.0.1/db", "/ as %2F"},
		{"slash and more", "postgres://u:1/hunter@127.0.0.1/db?sslmode=disable", "/ as %2F"},
		{"TLS", strings.Replace(fine, "sslmode=disable", "sslmode=require", 1), "server refused TLS connection"},
	} {
		s, err := Open(test.url, Options{})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter") ||
			strings.Contains(err.Error(), serverstest.PostgresPassword) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
}

// The password may come from the environment, and Kymo may have a schema to itself.
func TestEnvironmentAndSchema(t *testing.T) {
	server := serverstest.Postgres(t)
	url := database(t, server)
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), `CREATE SCHEMA apart; CREATE TABLE api_metrics (a INT)`); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSWORD", serverstest.PostgresPassword)
	s := open(t, strings.Replace(url, ":"+serverstest.PostgresPassword+"@", "@", 1)+"&search_path=apart", Options{})
	oracle := storetest.NewOracle()
	for _, st := range []store.Store{s, oracle} {
		if _, err := st.Append(t.Context(), requests("a", 1, 30)); err != nil {
			t.Fatal(err)
		}
	}
	same(t, s, oracle)
	if got := ask(t, conn, `SELECT count(*), (SELECT count(*) FROM api_metrics) FROM apart.api_metrics`); got != "30 0" {
		t.Errorf("rows are %s", got)
	}
}
