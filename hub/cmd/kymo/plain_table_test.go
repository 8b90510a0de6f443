package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/serverstest"
)

// Users of a plain table api_metrics, which another program wrote, import a dump of it
// or copy it as it is, and find the same numbers.
func TestPlainTable(t *testing.T) {
	server := serverstest.Postgres(t)
	server.SQL(
		`CREATE TABLE api_metrics (id SERIAL PRIMARY KEY, endpoint VARCHAR(255), method VARCHAR(10), response_time_ms DOUBLE PRECISION, status_code INT,
			timestamp TIMESTAMPTZ DEFAULT now(), user_id VARCHAR(255))`,
		`INSERT INTO api_metrics (endpoint, method, response_time_ms, status_code, timestamp, user_id)
			SELECT '/orders/' || i, 'GET', i + 0.5, CASE WHEN i % 10 = 0 THEN 500 ELSE 200 END, now() - i * interval '1 minute', nullif('user ' || i % 3, 'user 0')
			FROM generate_series(1, 200) i`,
		`CREATE TABLE service_health (health_id SERIAL PRIMARY KEY, service_name VARCHAR(100), status VARCHAR(20), details JSONB, checked_at TIMESTAMP)`,
		`INSERT INTO service_health (service_name, status, details, checked_at) VALUES
			('redis', 'down', '{"error": "refused"}', (now() AT TIME ZONE 'UTC') - interval '2 hours'), ('redis', 'healthy', NULL, (now() AT TIME ZONE 'UTC') - interval '1 hour'),
			('redis', 'odd', NULL, now())`,
	)
	dir := t.TempDir()
	csv := filepath.Join(dir, "api_metrics.csv")
	if err := os.WriteFile(csv, []byte(server.SQL(`COPY api_metrics TO STDOUT CSV HEADER`)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Rows that no request can be are in no dump that is taken, but do not keep a copy from
	// the others.
	server.SQL(`INSERT INTO api_metrics (endpoint, method, response_time_ms, status_code, timestamp) VALUES (NULL, 'GET', 1, 200, now()), ('/a', 'GET', -1, 200, now()), ('/a', 'GET', 1, 7, now()), ('/a', 'GET', 1, 200, NULL)`)
	imported, copied := filepath.Join(dir, "imported"), filepath.Join(dir, "copied")
	url := server.URL("postgres", serverstest.PostgresPassword, "postgres")
	for range 2 {
		r := runKymo(t, nil, "copy", "--service", "shop", url, copied)
		r.expect(t, exitOK, "")
		expectLines(t, r.stdout.String(), "4 rows of api_metrics cannot be requests, and are left out", ": 200 requests, 0 dropped requests and 2 health results", "hours checked: both hold the same")
	}
	if got := server.SQL(`SELECT count(*) FROM pg_class WHERE relname LIKE 'kymo%'`); got != "0" {
		t.Errorf("%s tables were made in a database that was to be read", got)
	}
	var reports []string
	for _, store := range []string{imported, copied} {
		hub, stop := serving(t, "--listen", "127.0.0.1:0", "--store", store)
		if store == imported {
			r := runKymo(t, nil, "import", "--hub", hub, "--service", "shop", csv)
			r.expect(t, exitOK, "")
			expectLines(t, r.stdout.String(), ": 200 rows imported in ")
		}
		r := runKymo(t, nil, "endpoints", "--hub", hub, "--json")
		r.expect(t, exitOK, "")
		text := r.stdout.String()
		reports = append(reports, text[strings.Index(text, `"endpoint"`):strings.Index(text, `"slow"`)])
		if status := stop(); status != exitOK {
			t.Errorf("the hub ended with %d", status)
		}
	}
	if reports[0] != reports[1] || !strings.Contains(reports[0], "/orders/{id}") || !strings.Contains(reports[0], "200") {
		t.Errorf("imported\n%s\ncopied\n%s", reports[0], reports[1])
	}
	// The target may be Kymo's own schema in the same database.
	server.SQL("CREATE SCHEMA kymo")
	r := runKymo(t, nil, "copy", url, url+"&search_path=kymo")
	r.expect(t, exitOK, "")
	expectLines(t, r.stdout.String(), "4 rows of api_metrics", ": 200 requests, ", "hours checked: both hold the same")
	if got := server.SQL(`SELECT count(*), min(service), min(endpoint), max(user_id) FROM kymo.api_metrics`); got != "200|default|/orders/{id}|user 2" {
		t.Errorf("the copy is %s", got)
	}
	for column, want := range map[string]string{"status_code": "it has no column status_code: it cannot be copied", "timestamp": "it has no column timestamp or created_at"} {
		server.SQL(fmt.Sprintf("ALTER TABLE api_metrics RENAME %s TO gone", column))
		if r := runKymo(t, nil, "copy", url, copied); r.status == exitOK || !strings.Contains(r.stderr.String(), want) {
			t.Errorf("without %s: %d, %s", column, r.status, &r.stderr)
		}
		server.SQL(fmt.Sprintf("ALTER TABLE api_metrics RENAME gone TO %s", column))
	}
}
