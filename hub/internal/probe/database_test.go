package probe

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/timeout"
)

// databasePassword is the password of all servers in these tests. It must be encoded in a URL.
const databasePassword = "geheim/5ä@:%"

// enough is a time limit that no working server reaches, and short one that a
// test can wait for.
const (
	enough = 20 * time.Second
	short  = 150 * time.Millisecond
)

// openProbe makes a probe, and closes it at the end.
func openProbe(t *testing.T, s Spec) health.Probe {
	t.Helper()
	p, err := New(&s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// runProbe runs a probe once. It must return soon after its timeout, which on a busy
// machine means seconds.
func runProbe(t *testing.T, p health.Probe, limit time.Duration) (health.Details, error) {
	t.Helper()
	ctx, cancel := timeout.Context(t.Context(), limit)
	defer cancel()
	start := time.Now()
	details, err := p.Run(ctx)
	if took := time.Since(start); took > limit+10*time.Second {
		t.Errorf("the run took %s with a limit of %s", took, limit)
	}
	if shown := fmt.Sprintf("%v %+v %#v", details, err, err); strings.Contains(shown, "geheim") {
		t.Errorf("the password is in %s", shown)
	}
	return details, err
}

// wantHealthy fails the test unless a run is healthy.
func wantHealthy(t *testing.T, p health.Probe) health.Details {
	t.Helper()
	details, err := runProbe(t, p, enough)
	if err != nil {
		t.Fatalf("it should be healthy: %v", err)
	}
	return details
}

// wantProblem fails the test unless a run finds this problem.
func wantProblem(t *testing.T, p health.Probe, limit time.Duration, status health.Status, problem string) health.Details {
	t.Helper()
	details, err := runProbe(t, p, limit)
	if health.StatusOf(err) != status || err == nil || !strings.Contains(err.Error(), problem) {
		t.Fatalf("it should be %s: %s\nit is     %s: %v", status, problem, health.StatusOf(err), err)
	}
	return details
}

// eventually polls for a condition without an event.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(enough); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// databaseServer is a server, and what can happen to it.
type databaseServer interface {
	Addr() string
	Stop()
	Start()
	Freeze()
	Thaw()
}

// databaseSystem is a type of check and a server for it.
type databaseSystem struct {
	typ     string
	server  databaseServer
	url     string // with databasePassword
	refusal string // of a wrong password
	direct  bool   // it has to be reached at its own address
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) databaseSystem{
		"postgres": func(t *testing.T) databaseSystem {
			s := serverstest.Postgres(t)
			s.SQL("CREATE USER app PASSWORD '" + databasePassword + "'")
			return databaseSystem{typ: "postgres", server: s, url: s.URL("app", databasePassword, "postgres"),
				refusal: `password authentication failed for user "app"`}
		},
		"mysql": func(t *testing.T) databaseSystem {
			s := serverstest.MariaDB(t)
			return databaseSystem{typ: "mysql", server: s, url: s.URL("root", serverstest.MariaDBPassword, "mysql"),
				refusal: `password authentication failed for user "root"`}
		},
		"redis": func(t *testing.T) databaseSystem {
			s := serverstest.Redis(t, "--requirepass", databasePassword)
			return databaseSystem{typ: "redis", server: s, url: s.URL(databasePassword), refusal: "password authentication failed"}
		},
		"sentinel": func(t *testing.T) databaseSystem {
			s, sentinel := serverstest.RedisSentinel(t, "--requirepass", databasePassword)
			return databaseSystem{typ: "redis", server: s, direct: true, refusal: "password authentication failed",
				url: "redis+sentinel://:" + url.QueryEscape(databasePassword) + "@127.0.0.1:1," + sentinel.Addr() + "/main"}
		},
		"cluster": func(t *testing.T) databaseSystem {
			s := serverstest.RedisCluster(t, "--requirepass", databasePassword)
			return databaseSystem{typ: "redis", server: nodes(s), direct: true, refusal: "password authentication failed",
				url: "redis+cluster://:" + url.QueryEscape(databasePassword) + "@127.0.0.1:1," + s[0].Addr()}
		},
		"clickhouse": func(t *testing.T) databaseSystem {
			s := serverstest.ClickHouse(t, databasePassword)
			return databaseSystem{typ: "clickhouse", server: s, url: s.URL("default", databasePassword, "default"),
				refusal: `password authentication failed for user "default"`}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			t.Run("password", func(t *testing.T) { testPassword(t, s) })
			if !s.direct {
				t.Run("network", func(t *testing.T) { testNetwork(t, s) })
			}
			t.Run("server", func(t *testing.T) { testServer(t, s) })
		})
	}
}

// nodes are a cluster as one server.
type nodes []*serverstest.RedisServer

func (n nodes) Addr() string { return n[0].Addr() }
func (n nodes) each(f func(*serverstest.RedisServer)) {
	for _, node := range n {
		f(node)
	}
}
func (n nodes) Stop()   { n.each(func(r *serverstest.RedisServer) { r.Stop() }) }
func (n nodes) Freeze() { n.each(func(r *serverstest.RedisServer) { r.Freeze() }) }
func (n nodes) Thaw()   { n.each(func(r *serverstest.RedisServer) { r.Thaw() }); n.settle() }
func (n nodes) Start()  { n.each(func(r *serverstest.RedisServer) { r.Start() }); n.settle() }
func (n nodes) settle() { n.each(func(r *serverstest.RedisServer) { r.Settle() }) }

// A wrong password is named as such, and neither it nor the right one is shown.
func testPassword(t *testing.T, s databaseSystem) {
	a, err := parseAddress(s.url, "", "1", strings.Split(s.url, ":")[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"geheim", "geheim/5%", "geheim 5@'\"\\"} {
		probe := openProbe(t, Spec{Type: s.typ, URL: strings.Replace(s.url, ":"+quoted(s.url)+"@", ":"+url.QueryEscape(wrong)+"@", 1)})
		if a.password == wrong {
			t.Fatal("this is the right password")
		}
		for range 2 {
			wantProblem(t, probe, enough, health.Down, s.refusal)
		}
	}
}

// quoted is the password as a URL has it.
func quoted(raw string) string {
	userinfo, _, _ := strings.Cut(strings.SplitN(raw, "://", 2)[1], "@")
	_, password, _ := strings.Cut(userinfo, ":")
	return password
}

// Trouble in the network affects the run in which it happens, and not the next.
func testNetwork(t *testing.T, s databaseSystem) {
	proxy := serverstest.Proxy(t, s.server.Addr())
	probe := openProbe(t, Spec{Type: s.typ, URL: strings.Replace(s.url, s.server.Addr(), proxy.Addr(), 1)})
	if details := wantHealthy(t, probe); details["version"] == "" {
		t.Errorf("no version in %v", details)
	}
	made := proxy.Accepted()
	for range 3 {
		wantHealthy(t, probe)
	}
	if now := proxy.Accepted(); now != made || proxy.Open() != 1 {
		t.Errorf("%d new connections, %d open; each run should use the first", now-made, proxy.Open())
	}

	const delay = 50 * time.Millisecond
	proxy.Delay(delay)
	start := time.Now()
	wantHealthy(t, probe)
	if took := time.Since(start); took < delay {
		t.Errorf("a run took %s with each answer %s late", took, delay)
	}
	proxy.Delay(time.Minute)
	wantProblem(t, probe, short, health.Down, "no answer within 150 ms")
	proxy.Pass()
	wantHealthy(t, probe)

	proxy.Hang() // while there is a connection, and while there is none
	wantProblem(t, probe, short, health.Down, "no answer within 150 ms")
	wantProblem(t, probe, short, health.Down, "no answer within 150 ms")
	proxy.Pass()
	wantHealthy(t, probe)

	proxy.Cut() // and what is lost between runs was not lost for this one
	eventually(t, "the cut is through", func() bool { return proxy.Open() == 0 })
	wantHealthy(t, probe)

	proxy.Refuse()
	proxy.Cut()
	eventually(t, "the cut is through", func() bool { return proxy.Open() == 0 })
	wantProblem(t, probe, enough, health.Down, "connection closed by the server")
	proxy.Pass()
	wantHealthy(t, probe)

	eventually(t, "one connection is open", func() bool { return proxy.Open() == 1 })
	_ = probe.Close()
	eventually(t, "no connection is open", func() bool { return proxy.Open() == 0 })
}

// So does trouble in the server.
func testServer(t *testing.T, s databaseSystem) {
	probe := openProbe(t, Spec{Type: s.typ, URL: s.url})
	wantHealthy(t, probe)

	s.server.Freeze()
	for range 2 {
		wantProblem(t, probe, short, health.Down, "no answer within 150 ms")
	}
	// A run that is called off is neither late nor a failure.
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(short, cancel)
	if _, err := probe.Run(ctx); health.StatusOf(err) != health.Unknown || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("a run that was called off says %s: %v", health.StatusOf(err), err)
	}
	s.server.Thaw()
	wantHealthy(t, probe)

	s.server.Stop()
	for range 3 {
		wantProblem(t, probe, enough, health.Down, "connection refused")
	}
	s.server.Start()
	wantHealthy(t, probe)

	if s.direct { // a cluster takes its time
		return
	}
	s.server.Stop()
	s.server.Start() // all between two runs
	wantHealthy(t, probe)
}

// No failure leaves anything behind: neither a goroutine nor a file.
func TestDatabaseLeaks(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	server := serverstest.Postgres(t)
	proxy := serverstest.Proxy(t, server.Addr())
	look := func() {
		// The driver would try for 15 s to cancel what hangs.
		probe := openProbe(t, Spec{Type: "postgres", Query: "SELECT pg_sleep(0)",
			URL: strings.Replace(server.URL("postgres", serverstest.PostgresPassword, ""), server.Addr(), proxy.Addr(), 1)})
		wantHealthy(t, probe)
		proxy.Hang()
		wantProblem(t, probe, short, health.Down, "no answer")
		proxy.Pass()
		_ = probe.Close()
		eventually(t, "the proxy is left alone", func() bool { return proxy.Open() == 0 })

		for scheme, typ := range map[string]string{"postgres": "postgres", "mysql": "mysql", "redis": "redis",
			"redis+cluster": "redis", "redis+sentinel": "redis", "clickhouse": "clickhouse"} {
			for _, addr := range []net.Addr{silent.Addr(), closed.Addr()} {
				probe = openProbe(t, Spec{Type: typ, URL: fmt.Sprintf("%s://app:geheim@%s/0", scheme, addr)})
				for range 3 {
					if _, err := runProbe(t, probe, 20*time.Millisecond); err == nil {
						t.Errorf("%s is healthy with no server there", scheme)
					}
				}
				_ = probe.Close()
			}
		}
	}
	look() // once for what stays for ever: clocks of drivers
	files := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	goroutines, descriptors := runtime.NumGoroutine(), files()
	look()
	eventually(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "files as before", func() bool { return files() <= descriptors })
}
