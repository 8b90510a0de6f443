package chstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

const (
	catchUpWithin = 2 * time.Second
	spreadWithin  = 4 * time.Second
	look          = 5 * time.Millisecond // again
	// skew is how many seconds the clocks of servers may differ, plus what is lost by
	// comparing whole seconds.
	skew = 4
)

// spread waits until all live replicas of a shard have what was inserted into tables
// since a second.
func (c *cluster) spread(ctx context.Context, s *shard, since int64, tables ...string) error {
	if !c.replicated || len(s.nodes) == 1 {
		return nil
	}
	goals := c.ends(ctx, s, tables)
	return c.everywhere(ctx, s, tables, func(ctx context.Context, n *node) error {
		return c.caughtUp(ctx, n, since-skew, tables, goals)
	})
}

// everywhere waits until check passes at all live replicas of a shard.
func (c *cluster) everywhere(ctx context.Context, s *shard, tables []string, check func(context.Context, *node) error) error {
	if !c.replicated || len(s.nodes) == 1 {
		return nil
	}
	for end := time.Now().Add(spreadWithin); ; {
		err := c.everywhereNow(ctx, s, tables, check)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * look):
		}
	}
}

func (c *cluster) everywhereNow(ctx context.Context, s *shard, tables []string, check func(context.Context, *node) error) error {
	var mu sync.Mutex
	var work sync.WaitGroup
	var errs []error
	fine, alive := 0, 0
	var failed []*node
	var witness *node // one that is fine
	for _, n := range s.nodes {
		work.Go(func() {
			active, err := c.passes(ctx, n, tables, check)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				fine, alive, witness = fine+1, max(alive, active), n
				return
			}
			errs = append(errs, fmt.Errorf("%s: %w", n.host, err))
			if !timedOut(err) && !errors.Is(err, errBehind) {
				failed = append(failed, n)
			}
		})
	}
	work.Wait()
	for _, n := range failed {
		// A server that has ended comes back with another session. ZooKeeper notices that
		// later, and counts it as alive until then.
		if alive > fine && c.counted(ctx, witness, n) && n.ended() {
			fine++
		}
	}
	if alive > 0 && alive <= fine {
		return nil
	}
	return &shardError{s.number, errors.Join(append([]error{errNotSpread}, errs...)...)}
}

// passes runs the check at a replica, and returns how many replicas are alive.
func (c *cluster) passes(ctx context.Context, n *node, tables []string, check func(context.Context, *node) error) (alive int, err error) {
	if reason := n.away(); reason != nil {
		return 0, reason
	}
	if err := c.prepare(ctx, n); err != nil {
		if ctx.Err() == nil {
			n.shun(err, false)
		}
		return 0, err
	}
	if err := check(ctx, n); err != nil {
		return 0, err
	}
	return c.active(ctx, n, tables)
}

// counted reports whether ZooKeeper considers a replica alive, according to another
// one.
func (c *cluster) counted(ctx context.Context, witness, n *node) bool {
	path := n.replicaPath()
	if path == "" {
		return false
	}
	found, err := count(ctx, witness, `SELECT count() FROM system.zookeeper WHERE name = 'is_active' AND path = `+quote(path))
	return err == nil && found > 0
}

// ends returns where the logs of tables end, by path, according to the replica that
// knows most: one whose ZooKeeper server lags behind does not know it by itself.
func (c *cluster) ends(ctx context.Context, s *shard, tables []string) map[string]uint64 {
	var mu sync.Mutex
	var work sync.WaitGroup
	goals := make(map[string]uint64)
	for _, n := range s.nodes {
		if n.away() != nil {
			continue
		}
		work.Go(func() {
			soon, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			rows, err := n.conn.Query(soon, `SELECT zookeeper_path, log_max_index FROM system.replicas WHERE `+c.among(tables))
			if err != nil {
				return // the caller that checks it gets the error
			}
			defer rows.Close()
			var path string
			var last uint64
			for rows.Next() && rows.Scan(&path, &last) == nil {
				mu.Lock()
				goals[path] = max(goals[path], last)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return goals
}

// timedOut reports whether a server did not answer in time. A server that hangs still
// accepts connections, up to a limit.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// ended reports whether nothing listens at the server's address any more.
func (n *node) ended() bool {
	conn, err := net.DialTimeout("tcp", n.host, dialTimeout)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// active returns how many replicas are alive, according to ZooKeeper.
func (c *cluster) active(ctx context.Context, n *node, tables []string) (int, error) {
	// The column has 8 bits, and 32 since version 24.4.
	alive, err := count(ctx, n, `SELECT toUInt64(max(active_replicas)) FROM system.replicas WHERE `+c.among(tables))
	return int(alive), err
}

// among returns the condition for tables in the system's tables.
func (c *cluster) among(tables []string) string {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = tableOf(t).local(c.replicated)
	}
	return fmt.Sprintf(`database = %s AND table IN (%s)`, quote(c.database), quoteAll(names))
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quote(text)
	}
	return strings.Join(quoted, ", ")
}

// caughtUp waits until a replica has what was inserted anywhere from a second on and
// before this call.
func (c *cluster) caughtUp(ctx context.Context, n *node, since int64, tables []string, goals map[string]uint64) error {
	end := time.Now().Add(catchUpWithin)
	ctx, cancel := context.WithDeadlineCause(ctx, end, errBehind)
	defer cancel()
	err := c.pulled(ctx, n, tables, goals)
	if err == nil {
		err = c.fetched(ctx, n, since, tables)
	}
	// A connection may time out before the context does.
	if err != nil && (errors.Is(context.Cause(ctx), errBehind) || timedOut(err) && !time.Now().Before(end)) {
		return errBehind
	}
	return err
}

// pulled waits until a replica knows what it has to fetch: until it has read the log
// that it shares with the others to where the log ended at the call, or to the goals if
// they are further.
func (c *cluster) pulled(ctx context.Context, n *node, tables []string, goals map[string]uint64) error {
	goals = maps.Clone(goals)
	for first := true; ; first = false {
		behind, err := c.toPull(ctx, n, tables, goals, first)
		if err != nil || !behind {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(look):
		return nil
	}
}

// toPull reports whether the replica has not yet read a table's log up to the goal,
// which is at least the end of the log at the first call.
func (c *cluster) toPull(ctx context.Context, n *node, tables []string, goals map[string]uint64, first bool) (behind bool, err error) {
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT table, zookeeper_path, replica_path, log_max_index, log_pointer, is_session_expired OR is_readonly,
		(SELECT count() FROM %s) FROM system.replicas WHERE %s`, c.trustedName(), c.among(tables)))
	if err != nil {
		return false, noTables(err)
	}
	defer rows.Close()
	found := 0
	var empty, queues []string // logs that may be empty, and queries that count entries of its queues it may not know
	for rows.Next() {
		var table, path, replica string
		var last, next, sessions uint64
		var expired uint8
		if err := rows.Scan(&table, &path, &replica, &last, &next, &expired, &sessions); err != nil {
			return false, err
		}
		found++
		if expired != 0 {
			return false, errNoZooKeeper
		}
		if first {
			goals[path] = max(goals[path], last)
		}
		goal := goals[path]
		switch { // next is the position after the last entry that was read
		case goal == 0 && next == 0:
			empty = append(empty, path)
		case next <= goal:
			behind = true
		}
		if sessions == 0 {
			queues = append(queues, fmt.Sprintf(`SELECT count() FROM system.zookeeper WHERE path = %s AND name NOT IN
				(SELECT node_name FROM system.replication_queue WHERE database = %s AND table = %s)`, quote(replica+"/queue"), quote(c.database), quote(table)))
		}
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	if found < len(tables) {
		return false, errNoTables
	}
	for _, path := range empty {
		// The first entry has the number 0, which also stands for no entry.
		entries, err := count(ctx, n, "SELECT count() FROM system.zookeeper WHERE path = "+quote(path+"/log"))
		if err != nil {
			return false, err
		}
		behind = behind || entries > 0
	}
	for _, unknown := range queues {
		// After a restart it knows its queue only when its last session has ended.
		entries, err := count(ctx, n, unknown)
		if err != nil {
			return false, err
		}
		behind = behind || entries > 0
	}
	return behind, nil
}

// noTables adds errNoTables to the error of a server that lacks a table or the
// database.
func noTables(err error) error {
	var refused *clickhouse.Exception
	if errors.As(err, &refused) && (refused.Code == unknownTable || refused.Code == unknownDatabase) {
		return errors.Join(errNoTables, err)
	}
	return err
}

func count(ctx context.Context, n *node, sql string) (entries uint64, err error) {
	err = n.conn.QueryRow(ctx, sql).Scan(&entries)
	return entries, err
}

// fetched waits until a replica has fetched what it knew to be missing at the call.
// What comes later does not matter, and may never end; what is older may be missing
// until a dead replica that has it is back.
func (c *cluster) fetched(ctx context.Context, n *node, since int64, tables []string) error {
	var goals []string // parts
	for first := true; ; first = false {
		missing, err := c.toFetch(ctx, n, since, tables)
		if err != nil {
			return err
		}
		if first {
			goals = missing
		}
		goals = slices.DeleteFunc(goals, func(part string) bool { return !slices.Contains(missing, part) })
		if len(goals) == 0 {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func (c *cluster) toFetch(ctx context.Context, n *node, since int64, tables []string) (parts []string, err error) {
	parts, err = partsOf(ctx, n, `SELECT concat(table, '/', new_part_name) FROM system.replication_queue
		WHERE type = 'GET_PART' AND create_time >= toDateTime(`+strconv.FormatInt(max(since, 0), 10)+`) AND `+c.among(tables))
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	// A part that it has stays in the queue until its turn. Behind parts that no replica
	// can deliver, that takes many seconds.
	has, err := partsOf(ctx, n, `SELECT concat(table, '/', name) AS part FROM system.parts WHERE part IN (`+quoteAll(parts)+`) AND `+c.among(tables))
	return slices.DeleteFunc(parts, func(part string) bool { return slices.Contains(has, part) }), err
}

func partsOf(ctx context.Context, n *node, sql string) (parts []string, err error) {
	rows, err := n.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, rows.Err()
}
