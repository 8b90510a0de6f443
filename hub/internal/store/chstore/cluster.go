package chstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	connections = 8 // to each server
	dialTimeout = 2 * time.Second
	readTimeout = 30 * time.Second
	avoidFor    = 5 * time.Second // a server that failed at what another may be able to do
	openTimeout = time.Minute
	makeTimeout = 20 * time.Second
)

// cluster is the servers.
type cluster struct {
	address
	features
	shards []*shard
}

// shard is the servers that hold the same data.
type shard struct {
	number int // from 1
	nodes  []*node
}

// node is a server.
type node struct {
	host   string
	ledger bool
	conn   driver.Conn

	making sync.Mutex // held while its tables are made

	mu     sync.Mutex // of what follows; held for moments only
	made   bool       // its tables are there
	path   string     // in ZooKeeper, of it as a replica
	common string     // there, of the table that its shard shares
	behind time.Time  // when it was found to be
	avoid  time.Time  // until then
	reason error      // for avoiding it
	ready  bool       // it answers, and its tables are there, even if it is avoided
}

func (a *address) connect(host string, settings clickhouse.Settings) (driver.Conn, error) {
	options := &clickhouse.Options{
		Addr: []string{host}, Auth: clickhouse.Auth{Username: a.user, Password: a.password},
		MaxOpenConns: connections, MaxIdleConns: connections,
		Settings: settings, DialTimeout: dialTimeout, ReadTimeout: readTimeout, ConnMaxLifetime: time.Hour,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
	}
	options.ClientInfo.Products = append(options.ClientInfo.Products, struct{ Name, Version string }{"kymo", ""})
	if a.secure {
		name, _, _ := net.SplitHostPort(host) // as parseURL made it
		options.TLS = &tls.Config{ServerName: name, InsecureSkipVerify: a.skipVerify}
	}
	return clickhouse.Open(options)
}

// discover asks the servers of the URL, one after the other, for their versions and
// their cluster.
func discover(ctx context.Context, a *address) (*cluster, error) {
	var errs []error
	for _, host := range a.hosts {
		c, err := a.discoverAt(ctx, host)
		if err == nil {
			return c, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", host, err))
		if !elsewhere(err) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (a *address) discoverAt(ctx context.Context, host string) (*cluster, error) {
	conn, err := a.connect(host, nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	server, err := conn.ServerVersion()
	if err != nil {
		return nil, err
	}
	c := &cluster{address: *a}
	if c.features, err = featuresOf(server.Version, a.cluster != ""); err != nil {
		return nil, err
	}
	hosts := [][]string{{host}}
	if a.cluster != "" {
		if hosts, err = topology(ctx, conn, a.cluster); err != nil {
			return nil, err
		}
	}
	for i, replicas := range hosts {
		s := &shard{number: i + 1}
		for _, replica := range replicas {
			conn, err := a.connect(replica, c.settings())
			if err != nil {
				c.close()
				return nil, err
			}
			s.nodes = append(s.nodes, &node{host: replica, conn: conn, ledger: i == 0})
		}
		c.shards = append(c.shards, s)
	}
	return c, nil
}

// maxShards is the max number of shards.
const maxShards = 1 << 10

// topology reads which servers form a cluster.
func topology(ctx context.Context, conn driver.Conn, name string) (shards [][]string, err error) {
	rows, err := conn.Query(ctx, `SELECT cluster, shard_num, host_name, port FROM system.clusters ORDER BY shard_num, replica_num`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var known []string
	for rows.Next() {
		var cluster, host string
		var number uint32
		var port uint16
		if err := rows.Scan(&cluster, &number, &host, &port); err != nil {
			return nil, err
		}
		if cluster != name {
			if !slices.Contains(known, cluster) {
				known = append(known, cluster)
			}
			continue
		}
		if number > maxShards {
			return nil, fmt.Errorf("the cluster %q has more than %d shards", name, maxShards)
		}
		for len(shards) < int(number) {
			shards = append(shards, nil)
		}
		shards[number-1] = append(shards[number-1], net.JoinHostPort(host, strconv.Itoa(int(port))))
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(shards) == 0 {
		return nil, fmt.Errorf("it has no cluster %q; its clusters are %s", name, strings.Join(known, ", "))
	}
	return shards, nil
}

func (c *cluster) close() {
	for _, s := range c.shards {
		for _, n := range s.nodes {
			_ = n.conn.Close() // nothing can be done about it
		}
	}
}

// ledger is the shard with the tables of the ledger.
func (c *cluster) ledger() *shard { return c.shards[0] }

// table is a table's name in statements, on a single server.
func (c *cluster) table(name string) string {
	return quoteName(c.database) + "." + tableOf(name).local(c.replicated)
}

// reach calls do with each of the shard's servers until it succeeds, since replicas
// hold the same data. A do that fails must be repeatable on another server (the same
// block, a partition that is dropped), or return a onceError.
func (c *cluster) reach(ctx context.Context, s *shard, do func(n *node) error) error {
	var errs []error
	for _, n := range s.inOrder() {
		err := c.prepare(ctx, n)
		ready := err == nil
		if ready {
			err = do(n)
		}
		if err == nil || ctx.Err() != nil || !elsewhere(err) {
			return err
		}
		if !errors.Is(err, errBehind) && !errors.Is(err, errNotLeader) {
			n.shun(err, ready)
		}
		errs = append(errs, fmt.Errorf("%s: %w", n.host, err))
	}
	return &shardError{s.number, errors.Join(errs...)}
}

// inOrder returns the shard's servers, each once. Those that are avoided come last:
// they are tried when the others fail.
func (s *shard) inOrder() []*node {
	nodes := make([]*node, 0, len(s.nodes))
	var avoided []*node
	for _, n := range s.nodes {
		if n.avoided() != nil {
			avoided = append(avoided, n)
		} else {
			nodes = append(nodes, n)
		}
	}
	return append(nodes, avoided...)
}

// shardError is the error if every server of a shard failed.
type shardError struct {
	number int
	err    error
}

func (e *shardError) Error() string {
	return fmt.Sprintf("shard %d: %s", e.number, strings.ReplaceAll(e.err.Error(), "\n", "; "))
}

func (e *shardError) Unwrap() error { return e.err }

// avoided returns why other servers are asked before this one at present, or nil.
func (n *node) avoided() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.avoid) {
		return n.reason
	}
	return nil
}

// away returns why a server need not be asked at all at present, or nil. One that
// failed at something, but answers, is not away: it must have what is acknowledged.
func (n *node) away() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Now().Before(n.avoid) && !n.ready {
		return n.reason
	}
	return nil
}

// shun marks a server to be avoided for a while. ready reports whether it answered
// before it failed.
func (n *node) shun(reason error, ready bool) {
	if errors.Is(reason, clickhouse.ErrAcquireConnTimeout) {
		return // we have sent it too many queries at once
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.avoid, n.reason, n.ready = time.Now().Add(avoidFor), reason, ready
	if errors.Is(reason, errNoTables) {
		n.made = false
	}
}

// tables returns the tables that the server has.
func (n *node) tables() []string {
	var names []string
	for i := range tables {
		if n.ledger || !tables[i].ledger {
			names = append(names, tables[i].name)
		}
	}
	return names
}
