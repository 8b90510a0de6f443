package e2e

import (
	"bufio"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// A real PostgreSQL and a real Redis fail in all the ways that servers fail.
// Each is seen, with its reason, and so is the recovery.
func TestHealthOfPostgres(t *testing.T) {
	t.Parallel()
	server, proxy, line := realPostgres(t)
	suffer(t, line, "database", postgresTroubles(t, server, proxy))
}

func TestHealthOfRedis(t *testing.T) {
	t.Parallel()
	server, proxy, line := realRedis(t)
	suffer(t, line, "redis", redisTroubles(t, server, proxy))
}

// checkSuffering holds the history against what happened, also after a crash.
func checkSuffering(t *testing.T, h *hub, name, state string) {
	t.Helper()
	checkHistory(t, h, name, state)
	if log := h.log(); strings.Contains(log, "secret-of") {
		t.Errorf("a password in the log:\n%s", log)
	}
	h.kill()
	h.start()
	checkHistory(t, h, name, state)
}

// realPostgres returns a PostgreSQL, a proxy before it, and a check of it.
func realPostgres(t *testing.T) (*serverstest.PostgresServer, *serverstest.ProxyServer, string) {
	t.Helper()
	p := serverstest.Postgres(t, "max_connections=10", "superuser_reserved_connections=2")
	p.SQL("CREATE ROLE app LOGIN PASSWORD 'secret-of-app'", "GRANT CONNECT ON DATABASE postgres TO app")
	proxy := serverstest.Proxy(t, p.Addr())
	url := strings.Replace(p.URL("app", "secret-of-app", "postgres"), p.Addr(), proxy.Addr(), 1)
	return p, proxy, checkLine("database", "postgres", url, "critical: true", "writable: true", "max_connections: 90%", "degraded_over: 400ms")
}

func realRedis(t *testing.T) (*serverstest.RedisServer, *serverstest.ProxyServer, string) {
	t.Helper()
	r := serverstest.Redis(t, "--maxclients", "20", "--requirepass", "secret-of-redis")
	proxy := serverstest.Proxy(t, r.Addr())
	url := strings.Replace(r.URL("secret-of-redis"), r.Addr(), proxy.Addr(), 1)
	return r, proxy, checkLine("redis", "redis", url, `scratch_key: "kymo:scratch"`, "degraded_over: 400ms")
}

// While every check hangs, /health answers at once, and shows which checks are
// critical.
func TestHealthWhileEverythingHangs(t *testing.T) {
	t.Parallel()
	_, toPostgres, database := realPostgres(t)
	_, toRedis, redis := realRedis(t)
	h := startHub(t, t.TempDir(), "--config", configuration(t, "checks:", database, redis))
	h.becomes("database", "healthy", changeWithin)
	h.becomes("redis", "healthy", changeWithin)
	asking := h.keepAsking()
	toPostgres.Hang()
	toRedis.Hang()
	h.becomes("database", "down", changeWithin)
	h.becomes("redis", "down", changeWithin)
	r, status := h.health()
	if r.Status != "down" || status != 503 {
		t.Errorf("the critical database hangs: %s with %d", r.Status, status)
	}
	var live struct{ Status string }
	h.get("/health/live", &live)
	h.get("/health/ready", &live)
	toPostgres.Pass()
	h.becomes("database", "healthy", changeWithin)
	if r, status := h.health(); r.Status != "degraded" || status != 200 {
		t.Errorf("only the cache, not critical, hangs: %s with %d", r.Status, status)
	}
	toRedis.Pass()
	h.becomes("redis", "healthy", changeWithin)
	if r, status := h.health(); r.Status != "healthy" || status != 200 {
		t.Errorf("all is mended: %s with %d", r.Status, status)
	}
	asking.stop(t)
}

func postgresTroubles(t *testing.T, p *serverstest.PostgresServer, proxy *serverstest.ProxyServer) []trouble {
	cut := "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kymo'"
	crowd := crowd{server: p}
	t.Cleanup(crowd.leave)
	return []trouble{
		{"stopped", p.Stop, p.Start, "down", "connection"},
		{"frozen", p.Freeze, p.Thaw, "down", "no answer within 1.5 s; check its load, or raise timeout"},
		{"with another password",
			func() { p.SQL("ALTER ROLE app PASSWORD 'other'", cut) },
			func() { p.SQL("ALTER ROLE app PASSWORD 'secret-of-app'") },
			"down", "password"},
		{"read-only",
			func() { p.SQL("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()") },
			func() {
				p.SQL("SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
			},
			"down", "read-only"},
		{"nearly out of connections", // the hub keeps its own
			func() { crowd.come(t, 7) }, crowd.leave, "degraded", "connections"},
		{"out of connections",
			func() { proxy.Refuse(); proxy.Cut(); crowd.come(t, 8); proxy.Pass() }, crowd.leave, "down", "too many"},
		{"slow", func() { proxy.Delay(600 * time.Millisecond) }, proxy.Pass, "degraded", "over 400 ms"},
		{"cut off", func() { proxy.Refuse(); proxy.Cut() }, proxy.Pass, "down", "connection"},
	}
}

func redisTroubles(t *testing.T, r *serverstest.RedisServer, proxy *serverstest.ProxyServer) []trouble {
	var clients []net.Conn
	leave := func() {
		for _, c := range clients {
			_ = c.Close()
		}
		clients = nil
	}
	t.Cleanup(leave)
	return []trouble{
		{"stopped", r.Stop, r.Start, "down", "connection"},
		{"frozen", r.Freeze, r.Thaw, "down", "no answer within 1.5 s; check its load, or raise timeout"},
		{"with another password",
			func() { r.Do("CONFIG", "SET", "requirepass", "other"); proxy.Cut() },
			func() { r.Stop(); r.Start() }, // which knows the first one only
			"down", "password"},
		{"read-only", func() { r.Do("REPLICAOF", "127.0.0.1", "1") }, func() { r.Do("REPLICAOF", "NO", "ONE") }, "down", "read-only"},
		{"out of connections",
			func() {
				proxy.Refuse()
				proxy.Cut()
				for range 40 { // more than there is room for: those over it are turned away
					if c, err := net.Dial("tcp", r.Addr()); err == nil {
						clients = append(clients, c)
					}
				}
				proxy.Pass()
			}, leave, "down", "too many"},
		{"slow", func() { proxy.Delay(600 * time.Millisecond) }, proxy.Pass, "degraded", "over 400 ms"},
		{"cut off", func() { proxy.Refuse(); proxy.Cut() }, proxy.Pass, "down", "connection"},
	}
}

// crowd is users who hold connections to a PostgreSQL.
type crowd struct {
	server *serverstest.PostgresServer
	users  []*exec.Cmd
}

// come brings users until so many are connected. Each says when it is: asking
// the server would take the place of one.
func (c *crowd) come(t *testing.T, n int) {
	for len(c.users) < n {
		user := exec.CommandContext(t.Context(), "psql", c.server.URL("app", "secret-of-app", "postgres")+"&application_name=crowd",
			"-At", "-c", "SELECT 'here'", "-c", "SELECT pg_sleep(600)")
		out, err := user.StdoutPipe()
		if err == nil {
			err = user.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		c.users = append(c.users, user)
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "here\n" {
			t.Fatalf("user %d of %d says %q, %v", len(c.users), n, line, err)
		}
	}
}

// leave has the server end the sessions: asleep, they would not see their users go.
func (c *crowd) leave() {
	if len(c.users) > 0 {
		c.server.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crowd'")
	}
	for _, user := range c.users {
		_ = user.Process.Kill()
		_ = user.Wait() // it was killed
	}
	c.users = nil
}

// history is what /api/v1/health/history answers, as far as it is checked.
type history struct {
	Name             string
	UptimePercent    *float64 `json:"uptime_percent"`
	Checks           int
	Failures         int
	P95              float64 `json:"p95_response_time"`
	TransitionsTotal int     `json:"transitions_total"`
	Transitions      []struct {
		At       time.Time
		From, To string
		Reason   string
	}
	Segments []struct {
		From, To int64
		Status   string
	}
}

// checkHistory holds a check's history against itself: the transitions follow
// each other, and there was trouble.
func checkHistory(t *testing.T, h *hub, name, state string) {
	t.Helper()
	var got history
	eventually(t, time.Minute, "the history of "+name+" ends with its recovery", func() bool {
		h.get("/api/v1/health/history?hours=1&name="+name, &got)
		return len(got.Transitions) > 0 && got.Transitions[0].To != "down" && got.Transitions[0].To != "degraded"
	})
	slices.Reverse(got.Transitions) // the newest comes first
	seen := false
	for i, x := range got.Transitions {
		if i > 0 && (x.From != got.Transitions[i-1].To || x.At.Before(got.Transitions[i-1].At)) {
			t.Errorf("%s: %+v follows %+v", name, x, got.Transitions[i-1])
		}
		if seen = seen || x.To == state; x.To == state && x.Reason == "" {
			t.Errorf("%s: %s without a reason: %+v", name, state, x)
		}
	}
	if n := len(got.Transitions); len(got.Segments) != n+1 || got.Segments[n].Status != got.Transitions[n-1].To || got.Segments[n].From != got.Transitions[n-1].At.UnixMilli() {
		t.Errorf("%s: %+v beside %+v", name, got.Segments, got.Transitions)
	}
	if got.Name != name || !seen || got.Checks < 4 || got.P95 <= 0 || got.UptimePercent == nil || *got.UptimePercent <= 0 ||
		state == "down" && (got.Failures < 1 || *got.UptimePercent >= 100) {
		t.Errorf("the history of %s, which was %s: %+v", name, state, got)
	}
}
