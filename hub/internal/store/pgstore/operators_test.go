package pgstore

import (
	"bytes"
	"log/slog"
	neturl "net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// do runs statements of an operator.
func do(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// partitionOn is the name of the partition of a day, counted from today.
func partitionOn(days int64) string {
	return day{requestsTable, storetest.Noon/dayMillis + days}.name()
}

// counted is how many requests a report of everything counts.
func counted(t *testing.T, s store.Store) (n int) {
	t.Helper()
	for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		n += int(r.Durations.Count())
	}
	return n
}

// operators are tests of what operators do to the tables of a store, none of which may
// cost rows that are not Kymo's to delete, or requests that arrive.
var operators = map[string]func(*testing.T, string){
	"detached":          testDetached,
	"default":           testDefault,
	"longer partitions": testLongerPartitions,
	"truncated series":  testTruncatedSeries,
	"series are gone":   testLostSeries,
	"short time limits": testTimeLimits,
	"names of schemas":  testSchemaNames,
}

func TestOperators(t *testing.T) {
	server := serverstest.Postgres(t)
	for name, test := range operators {
		t.Run(name, func(t *testing.T) { test(t, database(t, server)) })
	}
}

// A day that was detached is a table of the operator's from then on.
func testDetached(t *testing.T, url string) {
	s, conn := open(t, url, Options{}), connect(t, url)
	mustAppend(t, s, on(-3, 0), on(-2, 1), on(0, 2))
	detached := partitionOn(-3)
	do(t, conn, "ALTER TABLE api_metrics DETACH PARTITION "+detached,
		// Never attached, and named like a day.
		"CREATE TABLE api_metrics_20010203 (note TEXT)", "INSERT INTO api_metrics_20010203 VALUES ('mine')")
	stays := func(when string) {
		t.Helper()
		if got := ask(t, conn, `SELECT (SELECT count(*) FROM `+detached+`), (SELECT note FROM api_metrics_20010203)`); got != "1000 mine" {
			t.Errorf("%s: %s, want 1000 mine", when, got)
		}
	}
	mustAppend(t, s, on(-3, 3), on(-3, 4)) // late
	stays("after a late event")
	if got := ask(t, conn, `SELECT count(*), (SELECT count(*) FROM `+detached+`_2) FROM api_metrics`); got != "4000 2000" {
		t.Errorf("the table and the day's new partition have %s rows, want 4000 2000", got)
	}
	s.Close()
	s = open(t, url, Options{})
	mustAppend(t, s, on(-3, 5))
	stays("after a restart")
	if got := counted(t, s); got != 6000 {
		t.Errorf("%d requests are counted, want 6000", got)
	}
	if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis-dayMillis); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneToSize(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stays("after the retention")
	if got := ask(t, conn, `SELECT count(*), to_regclass('`+detached+`_2') FROM api_metrics`); got != "1000 <nil>" {
		t.Errorf("the table has %s, want today's 1000 and no partition of the day", got)
	}
}

// A partition for everything else has rows of a day: those of the day are kept there,
// and retention takes Kymo's from it.
func testDefault(t *testing.T, url string) {
	s, conn := open(t, url, Options{}), connect(t, url)
	do(t, conn, "CREATE TABLE api_metrics_rest PARTITION OF api_metrics DEFAULT",
		`INSERT INTO api_metrics (endpoint, method, response_time_ms, status_code, created_at)
			VALUES ('/own', 'GET', 5, 200, (now() AT TIME ZONE 'UTC') - interval '3 days')`)
	mustAppend(t, s, on(-3, 0), on(-2, 1), on(0, 2))
	s.Close()
	s = open(t, url, Options{})
	mustAppend(t, s, on(-3, 3))
	if got := ask(t, conn, `SELECT count(*), (SELECT count(*) FROM api_metrics_rest), (SELECT count(*) FROM `+partitionOn(-2)+`) FROM api_metrics`); got != "4001 2001 1000" {
		t.Errorf("all, the rest and a day have %s rows, want 4001 2001 1000", got)
	}
	if got := counted(t, s); got != 4000 {
		t.Errorf("%d requests are counted, want 4000", got)
	}
	if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, `SELECT count(*), (SELECT min(endpoint) FROM api_metrics_rest), to_regclass('`+partitionOn(-2)+`') FROM api_metrics`); got != "1001 /own <nil>" {
		t.Errorf("after the retention: %s", got)
	}
}

// Partitions of an operator take the days that they have, and are not dropped.
func testLongerPartitions(t *testing.T, url string) {
	var log bytes.Buffer
	open(t, url, Options{}).Close()
	conn := connect(t, url)
	do(t, conn, "CREATE TABLE archive PARTITION OF api_metrics FOR VALUES FROM (MINVALUE) TO ('"+
		ask(t, conn, `SELECT ((now() AT TIME ZONE 'UTC')::date - 10)::text`)+" 12:00')")
	s := open(t, url, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	// The second has room for half of its requests only: the morning's.
	morning := requests("b", 1, 1000)
	for i := range morning.Start {
		morning.Start[i] = storetest.Noon/dayMillis*dayMillis - 10*dayMillis + int64(i)
	}
	mustAppend(t, s, on(-20, 0), morning, on(0, 2))
	for range 2 {
		if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, conn, `SELECT count(*) FROM archive`); got != "2000" {
		t.Errorf("the operator's partition has %s rows, want 2000", got)
	}
	s.Close()
	if got := strings.Count(log.String(), "table=public.archive"); got != 1 {
		t.Errorf("%d warnings, want 1:\n%s", got, &log)
	}
}

// Rows of series that disappear come back under their numbers, and no other series gets
// one of these.
func testTruncatedSeries(t *testing.T, url string) {
	a, b, conn, oracle := open(t, url, Options{}), open(t, url, Options{}), connect(t, url), storetest.NewOracle()
	send := func(s *Store, batches ...*wire.Batch) {
		t.Helper()
		mustAppend(t, s, batches...)
		if _, err := oracle.Append(t.Context(), batches...); err != nil {
			t.Fatal(err)
		}
	}
	other := func(sequence uint64) *wire.Batch {
		k := wire.NewBuilder()
		k.Add(&wire.Request{Key: wire.Key{Service: "other", Endpoint: "/" + strings.Repeat("x", int(sequence)), Method: "GET", Status: 200}, Start: storetest.Noon, Duration: 7})
		return k.Batch("other", sequence)
	}
	send(a, requests("a", 1, 30))
	send(b, other(1))
	for i, sql := range []string{"TRUNCATE kymo_series", "TRUNCATE kymo_series RESTART IDENTITY", "DELETE FROM kymo_series WHERE id % 2 = 0"} {
		n := uint64(i) + 2
		do(t, conn, sql)
		send(a, requests("a", n, 30))     // known series
		send(b, other(n), other(n+10))    // a new one
		send(a, other(n+20), other(n+10)) // new, and known to another hub; the second is a duplicate
		for _, s := range []*Store{a, b} {
			if err := s.restoreSeries(t.Context()); err != nil { // as it does once a minute
				t.Fatal(err)
			}
		}
		same(t, a, oracle)
		same(t, b, oracle)
		fresh := open(t, url, Options{})
		same(t, fresh, oracle)
		fresh.Close()
	}
}

// If all hubs were restarted in between, the series of older pages are lost: reports lack
// them, the log says so, and newer requests are counted as ever.
func testLostSeries(t *testing.T, url string) {
	s, conn := open(t, url, Options{}), connect(t, url)
	mustAppend(t, s, requests("a", 1, 30))
	s.Close()
	do(t, conn, "TRUNCATE kymo_series RESTART IDENTITY")
	var log bytes.Buffer
	s = open(t, url, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "new", Endpoint: "/new", Method: "GET", Status: 200}, Start: storetest.Noon, Duration: 7})
	mustAppend(t, s, b.Batch("new", 1))
	for range 2 {
		var keys []rollup.Key
		for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, r.Key)
		}
		if len(keys) != 1 || keys[0].Service != "new" {
			t.Errorf("the report has %v", keys)
		}
	}
	s.Close()
	if got := strings.Count(log.String(), "reports lack the requests of series"); got != 1 || !strings.Contains(log.String(), "series=7") {
		t.Errorf("%d warnings, want 1:\n%s", got, &log)
	}
}

// Limits that a database has for others do not keep requests out, nor what is over in.
func testTimeLimits(t *testing.T, url string) {
	conn := connect(t, url)
	name := ask(t, conn, `SELECT current_database()`)
	do(t, conn, "ALTER DATABASE "+name+" SET statement_timeout = '40ms'", "ALTER DATABASE "+name+" SET lock_timeout = '1ms'",
		"ALTER DATABASE "+name+" SET idle_in_transaction_session_timeout = '1ms'")
	if ask(t, conn, `SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'`) == "1" { // from PostgreSQL 17 on
		do(t, conn, "ALTER DATABASE "+name+" SET transaction_timeout = '60ms'")
	}
	s := open(t, url, Options{})
	mustAppend(t, s, requests("a", 1, 40_000), on(-3, 2))
	if got := counted(t, s); got != 41_000 {
		t.Errorf("%d requests are counted, want 41,000", got)
	}
	if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, `SELECT to_regclass('`+partitionOn(-3)+`')`); got != "<nil>" {
		t.Errorf("%s is still there", got)
	}
}

// Names that have to be quoted. Those that the server reads otherwise than they were
// meant are answered with how to write them.
func testSchemaNames(t *testing.T, url string) {
	conn := connect(t, url)
	for _, name := range []string{`Metrics`, `night shift`, `a-b`, `select`, `größe`, `it's 100 % "quoted"\`} {
		quoted := pgx.Identifier{name}.Sanitize()
		do(t, conn, "CREATE SCHEMA "+quoted)
		at := url + "&search_path=" + neturl.PathEscape(quoted+", public")
		for sequence := range uint64(2) { // a new hub each
			s := open(t, at, Options{})
			mustAppend(t, s, on(-3, 2*sequence), on(0, 2*sequence+1))
			if got := counted(t, s); got != 2000*int(sequence+1) {
				t.Errorf("%s: %d requests are counted", name, got)
			}
			if sequence == 1 {
				if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			s.Close()
		}
		if got := ask(t, conn, `SELECT count(*), to_regclass('public.api_metrics') FROM `+quoted+`.api_metrics`); got != "2000 <nil>" {
			t.Errorf("%s has %s rows, want today's 2000, and public no table", name, got)
		}
	}
	do(t, conn, `CREATE SCHEMA "a b c"`)
	for path, want := range map[string]string{
		"Metrics":       `"Metrics" does, and has to be written with quotes: ?search_path=%22Metrics%22`,
		"night%20shift": `invalid value for parameter "search_path": "night shift"; write a schema with a space or a capital letter in quotes: `,
		`"a+b+c"`:       `"a b c" does, and has to be written with quotes: ?search_path=%22a%20b%20c%22`,
		"nothing":       `no schema on the search path exists; create one`,
	} {
		if err := openError(t, url+"&search_path="+path); !strings.Contains(err, want) {
			t.Errorf("%s: %s, want %s", path, err, want)
		}
	}
}

// openError returns the text of the error with which a store is not opened.
func openError(t *testing.T, url string) string {
	t.Helper()
	s, err := Open(url, Options{})
	if err == nil {
		s.Close()
		t.Fatalf("%s can be opened", url)
	}
	return err.Error()
}

// A dump that is restored has everything, its partitions are Kymo's, and batches in it count
// once.
func TestRestore(t *testing.T) {
	server := serverstest.Postgres(t)
	from, into, oracle := database(t, server), database(t, server), storetest.NewOracle()
	s := open(t, from, Options{})
	batches := []*wire.Batch{requests("a", 1, 500), on(-3, 2), on(0, 3)}
	mustAppend(t, s, batches...)
	if _, err := oracle.Append(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
	server.Restore(ask(t, connect(t, from), `SELECT current_database()`), ask(t, connect(t, into), `SELECT current_database()`))
	mustAppend(t, s, requests("b", 1, 10)) // is not in the dump
	s = open(t, into, Options{})
	same(t, s, oracle)
	mustAppend(t, s, batches...)
	same(t, s, oracle)
	if err := s.Prune(t.Context(), storetest.Noon/dayMillis*dayMillis); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, connect(t, into), `SELECT to_regclass('`+partitionOn(-3)+`')`); got != "<nil>" {
		t.Errorf("%s is still there", got)
	}
}
