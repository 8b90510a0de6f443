package chstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// A replica gets what others were given a moment later, or much later if it was
// away. Who reads from it must not miss what was acknowledged. Two rules see to
// that:
//
//   - Nothing is acknowledged before every replica has it that is alive, as
//     ZooKeeper knows (spread).
//   - A replica is read from only if at some time in its present session with
//     ZooKeeper it had all there was (trust). Since then it has been alive, so it
//     has what was acknowledged. What it may lack is of groups under way.
//
// So a replica that is killed takes nothing along that the others would have to
// wait for. One that is alive but does not follow holds up what comes in, until
// it does or its session ends.

const (
	catchUpWithin = 2 * time.Second
	spreadWithin  = 4 * time.Second
	watchEvery    = time.Second
	look          = 5 * time.Millisecond // again
	// skew is by how many seconds the clocks of servers may differ.
	skew = 2
)

var (
	errBehind      = errors.New("it has not yet what other replicas have")
	errNoZooKeeper = errors.New("it has no session with ZooKeeper")
	errNoTables    = errors.New("its tables are gone")
	errNotSpread   = errors.New("a replica that is alive has not got what another one was given")
)

// read calls do with a server of the shard that has all that was acknowledged
// before.
func (c *cluster) read(ctx context.Context, s *shard, do func(n *node) error) error {
	return c.reach(ctx, s, func(n *node) error {
		if c.replicated && len(s.nodes) > 1 {
			if n.fellBehind() {
				return errBehind // another one should not have to wait for what takes minutes
			}
			if err := c.trust(ctx, n); err != nil {
				return err
			}
		}
		return do(n)
	})
}

// readAgain is read, and once more if no server did it: connections of before a
// restart are found dead when they are used.
func (c *cluster) readAgain(ctx context.Context, s *shard, do func(n *node) error) error {
	err := c.read(ctx, s, do)
	var none *shardError
	if errors.As(err, &none) && ctx.Err() == nil && !errors.Is(err, errBehind) {
		err = c.read(ctx, s, do)
	}
	return err
}

// trust returns nil if a replica may be read from.
func (c *cluster) trust(ctx context.Context, n *node) error {
	session, err := c.session(ctx, n)
	if err != nil || n.trusted(session) {
		return err
	}
	err = c.caughtUp(ctx, n, 0, n.tables())
	noted := false
	if errors.Is(err, errBehind) {
		if noted, err = c.noted(ctx, n, session); err == nil && !noted {
			n.mu.Lock()
			n.behind = time.Now()
			n.mu.Unlock()
			return errBehind
		}
	}
	if err != nil {
		return err
	}
	if again, err := c.session(ctx, n); err != nil || again != session {
		return errors.Join(errBehind, err)
	}
	if !noted {
		// For hubs that start while another replica is away. If this fails, they wait.
		_ = c.noteTrust(ctx, n, session)
	}
	n.mu.Lock()
	n.known = session
	n.mu.Unlock()
	return nil
}

// noteTrust notes that a replica had all there was: on itself if it is one of the
// ledger's, where the note is of use when the others are gone.
func (c *cluster) noteTrust(ctx context.Context, n *node, session int64) error {
	at := c.ledger()
	if n.ledger {
		at = &shard{number: at.number, nodes: []*node{n}}
	}
	return c.insert(ctx, at, stateTable, func(b driver.Batch) error { return b.Append(trustKey(n, session), int64(1)) })
}

// watch has replicas trusted as soon as they may be. Once another one has died,
// it may be too late for that.
func (c *cluster) watch(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var work sync.WaitGroup
		for _, s := range c.shards {
			for _, n := range s.nodes {
				if len(s.nodes) > 1 && n.avoided() == nil {
					work.Go(func() {
						if c.prepare(ctx, n) == nil {
							_ = c.trust(ctx, n) // whoever reads is told
						}
					})
				}
			}
		}
		work.Wait()
	}
}

// fellBehind says whether a replica was found to be behind a moment ago.
func (n *node) fellBehind() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.behind) < watchEvery
}

func (n *node) trusted(session int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known == session
}

func trustKey(n *node, session int64) string { return fmt.Sprintf("trust/%s/%x", n.path, session) }

// noted says whether a hub found before that the replica had all there was. If
// the replica is one of the ledger's, the note has to be on it.
func (c *cluster) noted(ctx context.Context, n *node, session int64) (noted bool, err error) {
	var found uint64
	look := func(n *node, key string) error {
		return n.conn.QueryRow(ctx, fmt.Sprintf(`SELECT count() FROM %s WHERE key = %s`, c.table(stateTable), quote(key))).Scan(&found)
	}
	if n.ledger {
		err = look(n, trustKey(n, session))
	} else {
		err = c.read(ctx, c.ledger(), func(from *node) error { return look(from, trustKey(n, session)) })
	}
	return found > 0, err
}

// session is the number of a replica's session with ZooKeeper. A server that was
// restarted finds that of its last life there, until it is past; its tables are
// read-only so long.
func (c *cluster) session(ctx context.Context, n *node) (session int64, err error) {
	var readOnly uint8
	sql := `SELECT max(is_readonly OR is_session_expired) FROM system.replicas WHERE ` + c.among(n.tables())
	if err := n.conn.QueryRow(ctx, sql).Scan(&readOnly); err != nil {
		return 0, err
	}
	if readOnly != 0 {
		return 0, errNoZooKeeper
	}
	rows, err := n.conn.Query(ctx, `SELECT ephemeralOwner FROM system.zookeeper WHERE name = 'is_active' AND path = `+quote(n.path))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&session); err != nil {
			return 0, err
		}
	}
	if err = rows.Err(); err == nil && session == 0 {
		err = errNoZooKeeper
	}
	return session, err
}

// spread waits until all replicas of a shard that are alive have what was
// inserted into tables since a second.
func (c *cluster) spread(ctx context.Context, s *shard, since int64, tables ...string) error {
	if !c.replicated || len(s.nodes) == 1 {
		return nil
	}
	for end := time.Now().Add(spreadWithin); ; {
		err := c.spreadNow(ctx, s, since-skew, tables)
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

func (c *cluster) spreadNow(ctx context.Context, s *shard, since int64, tables []string) error {
	var mu sync.Mutex
	var work sync.WaitGroup
	var errs []error
	fine, alive := 0, 0
	var failed []*node
	for _, n := range s.nodes {
		work.Go(func() {
			active, err := c.has(ctx, n, since, tables)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				fine, alive = fine+1, max(alive, active)
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
		// One that has ended comes back with another session. ZooKeeper finds out later.
		if alive > fine && n.ended() {
			fine++
		}
	}
	if alive > 0 && alive <= fine {
		return nil
	}
	return &shardError{s.number, errors.Join(append([]error{errNotSpread}, errs...)...)}
}

// has waits for a replica to have what was inserted since a second, and returns
// how many are alive.
func (c *cluster) has(ctx context.Context, n *node, since int64, tables []string) (alive int, err error) {
	if reason := n.avoided(); reason != nil {
		return 0, reason
	}
	if err := c.prepare(ctx, n); err != nil {
		if ctx.Err() == nil {
			n.shun(err)
		}
		return 0, err
	}
	if err := c.caughtUp(ctx, n, since, tables); err != nil {
		return 0, err
	}
	return c.active(ctx, n, tables)
}

// timedOut says whether a server did not answer in time. One that hangs takes
// connections, until it has had too many.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// ended says whether nothing listens any more where the server did.
func (n *node) ended() bool {
	conn, err := net.DialTimeout("tcp", n.host, dialTimeout)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// active is how many replicas are alive, as ZooKeeper knows.
func (c *cluster) active(ctx context.Context, n *node, tables []string) (int, error) {
	var active uint8
	err := n.conn.QueryRow(ctx, `SELECT max(active_replicas) FROM system.replicas WHERE `+c.among(tables)).Scan(&active)
	return int(active), err
}

// among is the condition for tables in the system's tables.
func (c *cluster) among(tables []string) string {
	quoted := make([]string, len(tables))
	for i, t := range tables {
		quoted[i] = quote(tableOf(t).local(c.replicated))
	}
	return fmt.Sprintf(`database = %s AND table IN (%s)`, quote(c.database), strings.Join(quoted, ", "))
}

// caughtUp waits for a replica to have what was inserted anywhere since a second,
// and before this is asked.
func (c *cluster) caughtUp(ctx context.Context, n *node, since int64, tables []string) error {
	end := time.Now().Add(catchUpWithin)
	ctx, cancel := context.WithDeadlineCause(ctx, end, errBehind)
	defer cancel()
	err := c.pulled(ctx, n, tables)
	if err == nil {
		err = c.fetched(ctx, n, since, tables)
	}
	// A connection may know the deadline before the context does.
	if err != nil && (errors.Is(context.Cause(ctx), errBehind) || timedOut(err) && !time.Now().Before(end)) {
		return errBehind
	}
	return err
}

// pulled waits for a replica to know what it has to fetch: to have read the log
// that it shares with the others as far as it goes at the beginning.
func (c *cluster) pulled(ctx context.Context, n *node, tables []string) error {
	goals := make(map[string]uint64)
	for {
		behind, err := c.toPull(ctx, n, tables, goals)
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

// toPull says whether the replica has not read a table's log up to the goal,
// which is the end of the log when this is asked first.
func (c *cluster) toPull(ctx context.Context, n *node, tables []string, goals map[string]uint64) (behind bool, err error) {
	rows, err := n.conn.Query(ctx, `SELECT table, zookeeper_path, log_max_index, log_pointer, is_session_expired OR is_readonly FROM system.replicas WHERE `+c.among(tables))
	if err != nil {
		return false, err
	}
	defer rows.Close()
	found := 0
	var empty []string // logs that may be empty
	for rows.Next() {
		var table, path string
		var last, next uint64
		var expired uint8
		if err := rows.Scan(&table, &path, &last, &next, &expired); err != nil {
			return false, err
		}
		found++
		if expired != 0 {
			return false, errNoZooKeeper
		}
		goal, ok := goals[table]
		if !ok {
			goal, goals[table] = last, last
		}
		switch { // next is the place after the last entry that was read
		case goal == 0 && next == 0:
			empty = append(empty, path)
		case next <= goal:
			behind = true
		}
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	if found < len(tables) {
		return false, errNoTables
	}
	for _, path := range empty {
		// The first entry has the number 0, which is also said of none.
		var entries uint64
		if err := n.conn.QueryRow(ctx, "SELECT count() FROM system.zookeeper WHERE path = "+quote(path+"/log")).Scan(&entries); err != nil {
			return false, err
		}
		behind = behind || entries > 0
	}
	return behind, nil
}

// fetched waits for a replica to have fetched what it knew to be missing at the
// beginning. What comes later does not matter, and there may be no end to it;
// what is older may be missing until a replica is back that died with it.
func (c *cluster) fetched(ctx context.Context, n *node, since int64, tables []string) error {
	var goals []string // entries of the queue
	for first := true; ; first = false {
		missing, err := c.toFetch(ctx, n, since, tables)
		if err != nil {
			return err
		}
		if first {
			goals = missing
		}
		goals = slices.DeleteFunc(goals, func(entry string) bool { return !slices.Contains(missing, entry) })
		if len(goals) == 0 {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func (c *cluster) toFetch(ctx context.Context, n *node, since int64, tables []string) (entries []string, err error) {
	rows, err := n.conn.Query(ctx, `SELECT concat(table, '/', node_name) FROM system.replication_queue
		WHERE type = 'GET_PART' AND create_time >= toDateTime(`+strconv.FormatInt(max(since, 0), 10)+`) AND `+c.among(tables))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, rows.Err()
}
