package probe

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	server := serverstest.Redis(t, "--maxclients", "3", "--maxmemory", "100mb",
		"--enable-debug-command", "yes", "--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
	probe := func(t *testing.T, s Spec) health.Probe {
		s.Type = "redis"
		if s.URL == "" {
			s.URL = server.URL("")
		}
		return openProbe(t, s)
	}

	t.Run("details", func(t *testing.T) {
		details := wantHealthy(t, probe(t, Spec{MaxConnections: 0.9, MaxMemory: 0.9, MaxLag: time.Second, ScratchKey: "kymo"}))
		for name, want := range map[string]any{"role": "primary", "connections": int64(1), "connections_max": int64(3),
			"memory_bytes_max": int64(100 << 20), "replicas": int64(0)} {
			if details[name] != want {
				t.Errorf("%s is %v, not %v", name, details[name], want)
			}
		}
		if names := server.Do("CLIENT", "LIST"); !strings.Contains(names, "name=kymo") {
			t.Errorf("no connection is named kymo:\n%s", names)
		}
		if ttl := server.Do("TTL", "kymo"); ttl == "-1" || ttl == "-2" {
			t.Errorf("the scratch key lives for %s", ttl)
		}
	})

	t.Run("connections", func(t *testing.T) {
		eventually(t, "the connections of before are gone", func() bool {
			return strings.Count(server.Do("CLIENT", "LIST"), "id=") == 1
		})
		one, two, other, three := probe(t, Spec{}), probe(t, Spec{MaxConnections: 0.6}), probe(t, Spec{}), probe(t, Spec{})
		wantHealthy(t, two)
		wantHealthy(t, one)
		wantProblem(t, two, enough, health.Degraded, "2 of 3 connections used")
		wantHealthy(t, other) // in place of the connection that was dropped
		eventually(t, "three connections are used", func() bool {
			_, err := runProbe(t, three, enough)
			return health.StatusOf(err) == health.Degraded && strings.Contains(err.Error(), "3 of 3 connections used; close some")
		})
		eventually(t, "another client has the last connection", func() bool {
			another, err := net.Dial("tcp", server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = another.Close() })
			answer := make([]byte, 1)
			_, err = fmt.Fprint(another, "PING\r\n")
			if err == nil {
				_ = another.SetReadDeadline(time.Now().Add(enough))
				_, err = io.ReadFull(another, answer)
			}
			return err == nil && answer[0] == '+'
		})
		four := probe(t, Spec{})
		for range 5 {
			wantProblem(t, four, enough, health.Down, "too many connections")
		}
		_, _ = one.Close(), other.Close()
		eventually(t, "there is room", func() bool { _, err := runProbe(t, four, enough); return err == nil })
	})

	t.Run("memory", func(t *testing.T) {
		server.Do("CONFIG", "SET", "maxclients", "100")
		full := probe(t, Spec{MaxMemory: 0.5, ScratchKey: "kymo"})
		wantHealthy(t, full)
		server.Do("CONFIG", "SET", "maxmemory", "1900000")
		server.Do("SETBIT", "much", "4000000", "1") // half a megabyte
		wantProblem(t, full, enough, health.Degraded, "% of its memory limit used")
		server.Do("CONFIG", "SET", "maxmemory", "1000")
		wantProblem(t, full, enough, health.Down, "OOM command not allowed")
		server.Do("CONFIG", "SET", "maxmemory", "0")
		server.Do("DEL", "much")
		wantHealthy(t, full)
	})

	t.Run("rights", func(t *testing.T) {
		server.Do("ACL", "SETUSER", "weak", "on", ">geheim", "+ping", "+client")
		url := strings.Replace(server.URL("geheim"), "//:", "//weak:", 1)
		wantHealthy(t, probe(t, Spec{URL: url}))
		wantProblem(t, probe(t, Spec{URL: url, MaxLag: time.Second}), enough, health.Unknown, "need the command INFO")
		wantProblem(t, probe(t, Spec{URL: url, ScratchKey: "x"}), enough, health.Down, "NOPERM")
		server.Do("ACL", "SETUSER", "weak", "+set", "~*")
		wantProblem(t, probe(t, Spec{URL: url, ScratchKey: "x"}), enough, health.Down, "NOPERM")
		wantProblem(t, probe(t, Spec{URL: strings.Replace(url, "geheim", "geheimer", 1)}), enough, health.Down,
			`password authentication failed for user "weak"`)
		server.Do("CONFIG", "SET", "requirepass", "geheim")
		wantProblem(t, probe(t, Spec{}), enough, health.Down, "the server requires a password")
		wantProblem(t, probe(t, Spec{URL: server.URL("geheim") + "9999"}), enough, health.Down, "DB index is out of range")
	})
}

func TestRedisLoading(t *testing.T) {
	t.Parallel()
	server := serverstest.Redis(t, "--enable-debug-command", "yes", "--key-load-delay", "300",
		"--loading-process-events-interval-bytes", "1024")
	server.Do("DEBUG", "POPULATE", "5000")
	probe := openProbe(t, Spec{Type: "redis", URL: server.URL("")})
	wantHealthy(t, probe)
	loaded := make(chan struct{})
	go func() { defer close(loaded); server.Do("DEBUG", "RELOAD") }()
	eventually(t, "it loads", func() bool {
		_, err := runProbe(t, probe, enough)
		return health.StatusOf(err) == health.Degraded && strings.Contains(err.Error(), ": loading its data into memory; wait")
	})
	<-loaded
	wantHealthy(t, probe)
}

func TestRedisReplica(t *testing.T) {
	t.Parallel()
	primary := serverstest.Redis(t, "--repl-diskless-sync-delay", "0")
	replica := serverstest.Redis(t, "--replicaof", "127.0.0.1 "+fmt.Sprint(primary.Port()))
	lag := openProbe(t, Spec{Type: "redis", URL: replica.URL(""), MaxLag: time.Hour})
	eventually(t, "it is linked", func() bool { _, err := runProbe(t, lag, enough); return err == nil })
	if details := wantHealthy(t, lag); details["role"] != "replica" || details["linked"] != true {
		t.Errorf("a replica has details %v", details)
	}
	if details := wantHealthy(t, openProbe(t, Spec{Type: "redis", URL: primary.URL("")})); details["replicas"] != int64(1) {
		t.Errorf("a primary has details %v", details)
	}
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: replica.URL(""), ScratchKey: "x"}), enough, health.Down, "read-only: it is a replica")
	primary.Stop()
	eventually(t, "it has noticed", func() bool { _, err := runProbe(t, lag, enough); return err != nil })
	wantProblem(t, lag, enough, health.Degraded, "the replica has no connection to its primary")
	wantHealthy(t, openProbe(t, Spec{Type: "redis", URL: replica.URL("")})) // who sets no limit does not mind
	replica.Do("CONFIG", "SET", "replica-serve-stale-data", "no")
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: replica.URL("")}), enough, health.Down, "serves no old data")
}

func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	primary, sentinel := serverstest.RedisSentinel(t)
	url := "redis+sentinel://" + sentinel.Addr()
	probe := openProbe(t, Spec{Type: "redis", URL: url + "/main/1", ScratchKey: "kymo"})
	if details := wantHealthy(t, probe); details["primary"] != primary.Addr() {
		t.Errorf("the primary is %v, not %s", details["primary"], primary.Addr())
	}
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: url + "/other"}), enough, health.Down, `the sentinels know no "other"`)

	// After a failover it looks at the new one.
	other := serverstest.Redis(t)
	sentinel.Do("SENTINEL", "REMOVE", "main")
	sentinel.Do("SENTINEL", "MONITOR", "main", "127.0.0.1", fmt.Sprint(other.Port()), "1")
	if details := wantHealthy(t, probe); details["primary"] != other.Addr() {
		t.Errorf("the primary is %v, not %s", details["primary"], other.Addr())
	}
	other.Stop()
	if details := wantProblem(t, probe, enough, health.Down, "connection refused"); details["primary"] != other.Addr() {
		t.Errorf("the primary is %v, not %s", details["primary"], other.Addr())
	}
	sentinel.Stop()
	wantProblem(t, probe, enough, health.Down, "sentinel: connection refused")
	sentinel.Start()

	// One that hangs does not use up the time of the next.
	hanging := serverstest.Proxy(t, sentinel.Addr())
	hanging.Hang()
	other.Start()
	healthyWithin(t, "redis+sentinel://"+hanging.Addr()+","+sentinel.Addr()+"/main", 3*time.Second)
}

func healthyWithin(t *testing.T, url string, limit time.Duration) {
	t.Helper()
	if _, err := runProbe(t, openProbe(t, Spec{Type: "redis", URL: url}), limit); err != nil {
		t.Errorf("it should be healthy within %s: %v", limit, err)
	}
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	all := serverstest.RedisCluster(t)
	url := "redis+cluster://" + all[0].Addr()
	for _, key := range []string{"a", "b", "c", "d"} { // each somewhere else
		wantHealthy(t, openProbe(t, Spec{Type: "redis", URL: url, ScratchKey: key}))
		if found := keysOf(all); !strings.Contains(found, key) {
			t.Errorf("the scratch key %q is nowhere in %q", key, found)
		}
	}
	probe := openProbe(t, Spec{Type: "redis", URL: url, MaxMemory: 0.01})
	details := wantHealthy(t, probe)
	if details["primaries"] != 3 || details["slots"] != int64(clusterSlots) || details["version"] == "" {
		t.Errorf("a cluster has details %v", details)
	}
	all[1].Do("CONFIG", "SET", "maxmemory", "50mb")
	wantProblem(t, probe, enough, health.Degraded, all[1].Addr()+": ")
	all[1].Do("CONFIG", "SET", "maxmemory", "0")

	all[2].Stop()
	wantProblem(t, probe, enough, health.Down, "1 of 3 primaries do not answer, "+all[2].Addr()+" among them")
	eventually(t, "the others have noticed", func() bool {
		_, err := runProbe(t, probe, enough)
		return err != nil && strings.Contains(err.Error(), ": the cluster takes no queries: ")
	})
	all[2].Start()
	for _, node := range all {
		node.Settle()
	}
	wantHealthy(t, probe)

	// Users without the right to CLUSTER INFO, and without that to CLUSTER SLOTS.
	for _, node := range all {
		node.Do("ACL", "SETUSER", "few", "on", ">see", "~*", "+ping", "+cluster|slots", "+hello")
		node.Do("ACL", "SETUSER", "fewer", "on", ">see", "~*", "+ping", "+hello")
	}
	few := openProbe(t, Spec{Type: "redis", URL: "redis+cluster://few:see@" + all[0].Addr()})
	if details := wantHealthy(t, few); details["primaries"] != 3 || details["slots"] != int64(clusterSlots) {
		t.Errorf("a cluster has details %v for a user with few rights", details)
	}
	fewer := openProbe(t, Spec{Type: "redis", URL: "redis+cluster://fewer:see@" + all[0].Addr()})
	wantProblem(t, fewer, enough, health.Down, "the user may not use CLUSTER SLOTS, ")

	// Slots that no node has, in a cluster that serves the others.
	for _, node := range all {
		node.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
		node.Do("CLUSTER", "DELSLOTS", "0", "1")
	}
	for _, p := range []health.Probe{probe, few} {
		eventually(t, "two slots are not served", func() bool {
			_, err := runProbe(t, p, enough)
			return err != nil && health.StatusOf(err) == health.Degraded && strings.Contains(err.Error(), ": 16382 of 16384 slots are served; start")
		})
	}

	// A node that left has no connection any more.
	single := serverstest.Redis(t)
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: "redis+cluster://" + single.Addr()}), enough, health.Down, "cluster support disabled")
}

func keysOf(all []*serverstest.RedisServer) (keys string) {
	for _, node := range all {
		keys += node.Do("KEYS", "*") + " "
	}
	return keys
}

// The probe asks for no more than a user may.
func TestRedisRights(t *testing.T) {
	t.Parallel()
	server := serverstest.Redis(t)
	for name, rights := range map[string][]string{
		"monitor":   {"+ping", "+info"},
		"only-ping": {"+ping"},
		"app":       {"~app:*", "+@read", "+@write", "+@connection", "-client"},
		"safe":      {"~*", "+@all", "-@admin", "-@dangerous"},
	} {
		server.Do(append([]string{"ACL", "SETUSER", name, "on", ">see"}, rights...)...)
		s := Spec{Type: "redis", URL: "redis://" + name + ":see@" + server.Addr()}
		if name == "app" {
			s.ScratchKey = "app:kymo"
		}
		p := openProbe(t, s)
		for range 2 {
			wantHealthy(t, p)
		}
	}
	p := openProbe(t, Spec{Type: "redis", URL: "redis://safe:see@" + server.Addr(), MaxMemory: 0.9})
	wantProblem(t, p, enough, health.Unknown, "INFO, which the user may not use")
	p = openProbe(t, Spec{Type: "redis", URL: "redis://monitor:blind@" + server.Addr()})
	wantProblem(t, p, enough, health.Down, "password")
}

// The rights of a user that the documentation recommends are enough.
func TestRedisDocumentedRights(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^user kymo on >… (.+)$`).FindAllStringSubmatch(string(content), -1)
	if len(lines) != 3 {
		t.Fatalf("there are %d lines for users", len(lines))
	}
	rights := func(i int) []string {
		return slices.Concat([]string{"ACL", "SETUSER", "kymo", "reset", "on", ">geheim"}, strings.Fields(lines[i][1]))
	}
	server := serverstest.Redis(t)
	limits := Spec{Type: "redis", URL: "redis://kymo:geheim@" + server.Addr(), MaxConnections: 0.9, MaxMemory: 0.9, MaxLag: time.Second}
	server.Do(rights(0)...)
	wantHealthy(t, openProbe(t, limits))
	server.Do(rights(1)...)
	limits.ScratchKey = "kymo:scratch"
	wantHealthy(t, openProbe(t, limits))
	nodes := serverstest.RedisCluster(t)
	for _, node := range nodes {
		node.Do(rights(2)...)
	}
	wantHealthy(t, openProbe(t, Spec{Type: "redis", URL: "redis+cluster://kymo:geheim@" + nodes[0].Addr(), MaxConnections: 0.9}))
}

// Servers of another kind behind the URL.
func TestRedisOfAnotherKind(t *testing.T) {
	t.Parallel()
	page := web(t, says(200, "ok")).Listener.Addr().String()
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: "redis://" + page}), enough, health.Down, "the server does not speak the protocol of Redis; check the port")
	plain := serverstest.Redis(t)
	wantProblem(t, openProbe(t, Spec{Type: "redis", URL: "redis+sentinel://" + plain.Addr() + "/main"}), enough, health.Down, "write redis:// for a server that is no sentinel")
}
