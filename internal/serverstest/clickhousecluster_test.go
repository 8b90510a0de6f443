//go:build linux

package serverstest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestClickHouseCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("the tests of the store use such a cluster; make test-long runs this one")
	}
	t.Parallel()
	c := ClickHouseCluster(t, "main", "ge<h eim", 2, 2)
	if got, want := c.URL("db"), fmt.Sprintf("clickhouse://default:ge%%3Ch%%20eim@%s,%s,%s,%s/db?cluster=main", c.Nodes[0][0].Addr(),
		c.Nodes[0][1].Addr(), c.Nodes[1][0].Addr(), c.Nodes[1][1].Addr()); got != want {
		t.Errorf("the URL is %s, not %s", got, want)
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

	first, second, other := c.Nodes[0][0], c.Nodes[0][1], c.Nodes[1][0]
	first.SQL("CREATE TABLE t ON CLUSTER main (a UInt32) " +
		"ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/t', '{replica}') ORDER BY a")
	first.SQL("CREATE TABLE everywhere ON CLUSTER main AS t ENGINE = Distributed(main, default, t, a)")
	first.insert(1)
	second.becomes(1)
	second.insert(1) // the same block again
	first.insert(2)
	second.becomes(2)
	first.becomes(2)
	other.insert(1) // another shard
	for _, node := range []*ClickHouseServer{first, second, other} {
		if got := node.SQL("SELECT count() FROM everywhere"); got != "3" {
			t.Errorf("%s finds %s rows in all, not 3", node.name, got)
		}
	}

	second.Kill()
	first.insert(3)
	second.Start()
	second.becomes(3)

	c.ZooKeeper.Stop()
	if problem := first.refusal(t, 4); !strings.Contains(strings.ToLower(problem), "zookeeper") && !strings.Contains(problem, "readonly") {
		t.Errorf("without ZooKeeper an insert fails with %q", problem)
	}
	c.ZooKeeper.Start()
	first.until(func() bool { return first.refusal(t, 5) == "nothing" }, "it does not find its ZooKeeper again")
	second.becomes(4)
}

func insertRow(row int) string { return fmt.Sprintf("INSERT INTO t (a) VALUES (%d)", row) }

func (c *ClickHouseServer) insert(row int) {
	c.t.Helper()
	c.SQL(insertRow(row))
}

// refusal is with what an insert fails; "nothing" if it does not.
func (c *ClickHouseServer) refusal(t *testing.T, row int) string {
	t.Helper()
	return fails(t, func(t testing.TB) {
		server := *c.Server
		server.t = t
		(&ClickHouseServer{&server, c.password}).insert(row)
	})
}

// becomes waits until a node has so many rows.
func (c *ClickHouseServer) becomes(rows int) {
	c.t.Helper()
	c.until(func() bool { return c.SQL("SELECT count() FROM t") == fmt.Sprint(rows) }, fmt.Sprintf("it has not %d rows", rows))
}

// until polls: replicas do not announce that they have caught up.
func (c *ClickHouseServer) until(done func() bool, otherwise string) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: %s\n%s", c.name, otherwise, c.lastWords())
		}
	}
}
