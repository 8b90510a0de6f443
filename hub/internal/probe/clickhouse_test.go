package probe

import (
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

func TestClickHouse(t *testing.T) {
	t.Parallel()
	server := serverstest.ClickHouse(t, "geheim")
	for query, problem := range map[string]string{
		"SELECT * FROM nowhere": "Table default.nowhere doesn't exist",
		"SELECT geheim":         "Unknown identifier: ***",
		"SELECT throwIf(number = 70000) FROM numbers(100000)": "Value passed to 'throwIf' function is non zero",
		"SELECT number FROM system.numbers LIMIT 100000":      "",
	} {
		probe := openProbe(t, Spec{Type: "clickhouse", URL: server.URL("default", "geheim", "default"), Query: query})
		for range 2 {
			if problem == "" {
				wantHealthy(t, probe)
			} else {
				wantProblem(t, probe, enough, health.Down, problem)
			}
		}
	}
	slow := openProbe(t, Spec{Type: "clickhouse", URL: server.URL("default", "geheim", ""), Query: "SELECT sleep(3)"})
	wantProblem(t, slow, short, health.Down, "no answer within 150 ms")
	// What goes on for ever ends on the server soon after the run.
	endless := openProbe(t, Spec{Type: "clickhouse", URL: server.URL("default", "geheim", ""), Query: "SELECT count() FROM system.numbers WHERE cityHash64(number) = 7"})
	wantProblem(t, endless, short, health.Down, "no answer within 150 ms")
	processes := openProbe(t, Spec{Type: "clickhouse", URL: server.URL("default", "geheim", ""),
		Query: "SELECT throwIf(count() > 0) FROM system.processes WHERE query LIKE '%cityHash64%' AND query NOT LIKE '%processes%'"})
	eventually(t, "the query has ended", func() bool { _, err := runProbe(t, processes, enough); return err == nil })
	wantProblem(t, openProbe(t, Spec{Type: "clickhouse", URL: server.URL("default", "geheim", "nowhere")}), enough, health.Down,
		"Database nowhere doesn't exist")
}
