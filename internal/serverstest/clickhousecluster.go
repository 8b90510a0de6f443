//go:build linux

package serverstest

import (
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

// ClickHouseClusterServers are the servers of a ClickHouse cluster.
type ClickHouseClusterServers struct {
	ZooKeeper *ZooKeeperServer
	Nodes     [][]*ClickHouseServer // by shard and replica
	name      string
	password  string
}

// ClickHouseCluster starts a ClickHouse for each replica of each shard, which
// form the cluster of this name, and a ZooKeeper for them. The user is default,
// with this password. Each has the macros shard ("1"), replica ("r1", another
// for each server) and cluster, for ReplicatedMergeTree and ON CLUSTER.
func ClickHouseCluster(t testing.TB, name, password string, shards, replicas int) *ClickHouseClusterServers {
	t.Helper()
	c := &ClickHouseClusterServers{ZooKeeper: ZooKeeper(t), name: name, password: password}
	var list strings.Builder
	for range shards {
		var shard []*ClickHouseServer
		list.WriteString("<shard><internal_replication>true</internal_replication>")
		for range replicas {
			node := newClickHouse(t, password)
			shard = append(shard, node)
			fmt.Fprintf(&list, "<replica><host>127.0.0.1</host><port>%d</port><user>default</user><password>%s</password></replica>",
				node.port, html.EscapeString(password))
		}
		list.WriteString("</shard>")
		c.Nodes = append(c.Nodes, shard)
	}
	number := 0
	for i, shard := range c.Nodes {
		for _, node := range shard {
			number++
			node.name = fmt.Sprintf("clickhouse r%d of shard %d", number, i+1)
			node.configure(fmt.Sprintf(`	<interserver_http_host>127.0.0.1</interserver_http_host>
	<interserver_http_port>%d</interserver_http_port>
	<macros><shard>%d</shard><replica>r%d</replica><cluster>%s</cluster></macros>
	<remote_servers><%s>%s</%s></remote_servers>
	<zookeeper>
		<node><host>127.0.0.1</host><port>%d</port></node>
		<session_timeout_ms>6000</session_timeout_ms>
	</zookeeper>
	<distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
	<merge_tree><zookeeper_session_expiration_check_period>1</zookeeper_session_expiration_check_period></merge_tree>
`, FreePort(t), i+1, number, name, name, list.String(), name, c.ZooKeeper.port),
				"<max_threads>2</max_threads><background_pool_size>4</background_pool_size>"+
					"<background_schedule_pool_size>4</background_schedule_pool_size>")
			node.launch()
		}
	}
	for _, shard := range c.Nodes {
		for _, node := range shard {
			node.await()
		}
	}
	return c
}

// URL is how to connect to any of the nodes:
// clickhouse://default:password@127.0.0.1:port,127.0.0.1:port/db?cluster=name.
func (c *ClickHouseClusterServers) URL(db string) string {
	var hosts []string
	for _, shard := range c.Nodes {
		for _, node := range shard {
			hosts = append(hosts, node.Addr())
		}
	}
	u := url.URL{Scheme: "clickhouse", User: url.User("default"), Host: strings.Join(hosts, ","), Path: "/" + db,
		RawQuery: url.Values{"cluster": {c.name}}.Encode()}
	if c.password != "" {
		u.User = url.UserPassword("default", c.password)
	}
	return u.String()
}
