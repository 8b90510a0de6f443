package chstore

import (
	"context"
	"fmt"
	"slices"
)

// prepare checks that a server answers in time, and creates its tables. Without the
// limit, a server that hangs would use up the time for the others.
func (c *cluster) prepare(ctx context.Context, n *node) error {
	soon, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := n.conn.Ping(soon); err != nil {
		return err
	}
	return c.make(ctx, n)
}

// make creates the tables of a server that was not used before.
func (c *cluster) make(ctx context.Context, n *node) error {
	if n.isMade() {
		return nil
	}
	n.making.Lock()
	defer n.making.Unlock()
	if n.isMade() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	if err := n.conn.Exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quoteName(c.database)); err != nil {
		return err
	}
	for i := range tables {
		t := &tables[i]
		if t.ledger && !n.ledger {
			continue
		}
		if err := n.conn.Exec(ctx, t.create(c.database, c.features)); err != nil {
			return fmt.Errorf("create the table %s: %w", t.name, err)
		}
		if t.sql && c.replicated {
			if err := n.conn.Exec(ctx, t.createWhole(c.database, c.cluster, c.features)); err != nil {
				return fmt.Errorf("create the table %s: %w", t.name, err)
			}
		}
	}
	if err := c.addColumns(ctx, n); err != nil {
		return err
	}
	var path, common string
	if c.replicated {
		if err := n.conn.Exec(ctx, createTrusted(c.database)); err != nil {
			return fmt.Errorf("create the table %s: %w", trustedTable, err)
		}
		sql := fmt.Sprintf(`SELECT replica_path, zookeeper_path FROM system.replicas WHERE database = %s AND table = %s`,
			quote(c.database), quote(tableOf(requestsTable).local(true)))
		if err := n.conn.QueryRow(ctx, sql).Scan(&path, &common); err != nil {
			return fmt.Errorf("find it among the replicas: %w", err)
		}
	}
	n.found(path, common, false)
	// Of two at once, the later one sees the other.
	if err := c.together(n, common); err != nil {
		return err
	}
	n.found(path, common, true)
	return nil
}

func (n *node) found(path, common string, made bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path, n.common, n.made = path, common, made
}

// together fails if servers that the cluster lists as replicas of each other are not,
// or if servers of different shards are: by their macros.
func (c *cluster) together(n *node, common string) error {
	for _, s := range c.shards {
		mine := slices.Contains(s.nodes, n)
		for _, other := range s.nodes {
			theirs := other.commonPath()
			if other != n && theirs != "" && (theirs == common) != mine {
				return &wrongMacroError{n.host, other.host, mine}
			}
		}
	}
	return nil
}

// wrongMacroError names the servers whose macros contradict the cluster's definition.
type wrongMacroError struct {
	host, other string
	replicas    bool
}

func (e *wrongMacroError) Error() string {
	if e.replicas {
		return fmt.Sprintf("the cluster has %s and %s in one shard, but their macros shard differ", e.host, e.other)
	}
	return fmt.Sprintf("the cluster has %s and %s in different shards, but their macros shard are the same", e.host, e.other)
}

func (n *node) isMade() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.made
}

// replicaPath returns the replica's path in ZooKeeper, or "" while it is unknown.
func (n *node) replicaPath() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path
}

// commonPath returns the path that all replicas of a shard have in common.
func (n *node) commonPath() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.common
}
