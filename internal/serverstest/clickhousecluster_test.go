//go:build linux

package serverstest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

func TestClickHouseCluster(t *testing.T) {
	t.Parallel()
	start := time.Now()
	lap := func(what string) {
		t.Logf("%s: %s", what, time.Since(start).Round(time.Millisecond))
		start = time.Now()
	}
	c := ClickHouseCluster(t, "main", "ge<h eim", 2, 2)
	lap("started")
	first, second, other := c.Nodes[0][0], c.Nodes[0][1], c.Nodes[1][0]
	// became polls until a node counts that many rows.
	became := func(node *ClickHouseServer, want int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			got := node.SQL("SELECT count() FROM t")
			if got == fmt.Sprint(want) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %s rows, not %d\n%s", node.name, got, want, node.lastWords())
			}
		}
	}
	insert := func(row int) string { return fmt.Sprintf("INSERT INTO t (a) VALUES (%d)", row) }
	// tries returns with what an insert fails.
	tries := func(node *ClickHouseServer, row int) string {
		return fails(t, func(t testing.TB) {
			server := *node.Server
			server.t = t
			(&ClickHouseServer{&server, node.password}).SQL(insert(row))
		})
	}

	var macros []string
	for _, shard := range c.Nodes {
		for _, node := range shard {
			macros = append(macros, node.SQL("SELECT substitution FROM system.macros ORDER BY macro"))
		}
	}
	if got := strings.ReplaceAll(strings.Join(macros, " "), "\n", "/"); got != "main/r1/1 main/r2/1 main/r3/2 main/r4/2" {
		t.Errorf("the macros are %s", got)
	}

	first.SQL("CREATE TABLE t ON CLUSTER main (a UInt32) " +
		"ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/t', '{replica}') ORDER BY a")
	first.SQL("CREATE TABLE everywhere ON CLUSTER main AS t ENGINE = Distributed(main, default, t, a)")
	lap("created")
	first.SQL(insert(1))
	became(second, 1)
	second.SQL(insert(1)) // the same block again
	first.SQL(insert(2))
	became(second, 2)
	became(first, 2)
	other.SQL(insert(1)) // another shard
	for _, shard := range c.Nodes {
		for _, node := range shard {
			if got := node.SQL("SELECT count() FROM everywhere"); node != c.Nodes[1][1] && got != "3" {
				t.Errorf("%s finds %s rows in all, not 3", node.name, got)
			}
		}
	}
	lap("inserted")

	mem := func() {
		for _, shard := range c.Nodes {
			for _, n := range shard {
				b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.process.pid))
				for _, l := range strings.Split(string(b), "\n") {
					if strings.HasPrefix(l, "VmRSS") || strings.HasPrefix(l, "Threads") {
						t.Log(l)
					}
				}
			}
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.ZooKeeper.process.pid))
		t.Log(string(b)[strings.Index(string(b), "VmRSS"):][:20])
	}
	mem()
	second.Kill()
	first.SQL(insert(3))
	second.Start()
	lap("start")
	became(second, 3)
	lap("caught up")
	b, _ := os.ReadFile(second.log())
	os.WriteFile("/tmp/second.log", b, 0o644)
	c.ZooKeeper.Stop()
	t.Log(tries(first, 5))
	start = time.Now()
	c.ZooKeeper.Start()
	lap("zk started")
	first.SQL("SYSTEM RESTART REPLICAS")
	second.SQL("SYSTEM RESTART REPLICAS")
	first.SQL(insert(99))
	lap("inserted")
	became(second, 4)
	lap("became")
	b, _ = os.ReadFile(second.log())
	os.WriteFile("/tmp/second2.log", b, 0o644)
	_ = mem
	_ = url.Parse
}
