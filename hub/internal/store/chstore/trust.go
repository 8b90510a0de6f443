package chstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

const watchEvery = time.Second

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
