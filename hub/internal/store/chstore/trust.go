package chstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A replica gets what was inserted at another one a moment later, or much later if it
// was away. Reads from it must not miss what was acknowledged. Two rules ensure that:
//
//   - Nothing is acknowledged before every live replica has it, according to ZooKeeper
//     (spread).
//   - A replica is read from only if at some time in its present session with ZooKeeper
//     it had everything (trust). Since then it has been alive, so it has what was
//     acknowledged. It may lack only rows of groups under way.
//
// So a replica that is killed has nothing that the others would have to wait for. One
// that is alive but does not fetch delays all inserts, until it does or its session
// ends.
//
// A server that was killed and is back within seconds finds the session from
// before, and shows it as its own until it ends. Therefore the sessions in which it had
// everything are noted in its own memory.

const trustedTable = "kymo_trusted"

func (c *cluster) trustedName() string { return quoteName(c.database) + "." + trustedTable }

// createTrusted returns the statement that creates the table of the sessions in which a
// replica had everything. It is empty after a restart.
func createTrusted(database string) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.%s\n(\n    `session` Int64\n)\nENGINE = Memory\n", quoteName(database), trustedTable)
}

const watchEvery = time.Second

var (
	errBehind      = errors.New("the replica does not have all data yet")
	errNoZooKeeper = errors.New("the replica has no session with ZooKeeper")
	errNoTables    = errors.New("the server's tables are gone")
	errNotSpread   = errors.New("a live replica has not fetched what another one has")
)

// read calls do with a server of the shard that has everything acknowledged before.
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

// readAgain is like read, but tries once more if every server failed: connections from
// before a server's restart are found dead only when they are used.
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
	session, trusted, err := c.session(ctx, n)
	if err != nil || trusted {
		return err
	}
	if err := c.caughtUp(ctx, n, 0, n.tables(), c.endsOf(ctx, n)); err != nil {
		if errors.Is(err, errBehind) {
			n.mu.Lock()
			n.behind = time.Now()
			n.mu.Unlock()
		}
		return err
	}
	if again, _, err := c.session(ctx, n); err != nil || again != session {
		return errors.Join(errBehind, err)
	}
	b, err := n.conn.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO %s (session) VALUES", c.trustedName()))
	if err != nil {
		return err
	}
	if err := b.Append(session); err != nil {
		_ = b.Abort()
		return err
	}
	return b.Send()
}

// endsOf returns where the logs of a replica's tables end, according to the replica of
// its shard that knows most.
func (c *cluster) endsOf(ctx context.Context, n *node) map[string]uint64 {
	for _, s := range c.shards {
		if slices.Contains(s.nodes, n) {
			return c.ends(ctx, s, n.tables())
		}
	}
	return map[string]uint64{}
}

// trustAll trusts the replicas that may be trusted. It runs all the time: once another
// replica has died, it may be too late.
func (c *cluster) trustAll(ctx context.Context) {
	var work sync.WaitGroup
	for _, s := range c.shards {
		for _, n := range s.nodes {
			if len(s.nodes) > 1 && n.away() == nil {
				work.Go(func() {
					if c.prepare(ctx, n) == nil {
						_ = c.trust(ctx, n) // readers get the error
					}
				})
			}
		}
	}
	work.Wait()
}

// fellBehind reports whether a replica was found to be behind a moment ago.
func (n *node) fellBehind() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.behind) < watchEvery
}

// session returns the number of a replica's session with ZooKeeper, and whether the
// replica is trusted in it.
func (c *cluster) session(ctx context.Context, n *node) (session int64, trusted bool, err error) {
	// There is at most one; without a session it is 0.
	if err := n.conn.QueryRow(ctx, `SELECT max(ephemeralOwner) FROM system.zookeeper WHERE name = 'is_active' AND path = `+quote(n.replicaPath())).Scan(&session); err != nil {
		return 0, false, err
	}
	var readOnly uint8
	var noted uint64
	sql := fmt.Sprintf(`SELECT max(is_readonly OR is_session_expired), (SELECT count() FROM %s WHERE session = %d) FROM system.replicas WHERE %s`,
		c.trustedName(), session, c.among(n.tables()))
	if err := n.conn.QueryRow(ctx, sql).Scan(&readOnly, &noted); err != nil {
		return 0, false, noTables(err)
	}
	if readOnly != 0 || session == 0 {
		return 0, false, errNoZooKeeper
	}
	return session, noted > 0, nil
}
