package chstore

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// insert inserts a block into a table on one of a shard's servers. If an attempt fails,
// its block may be there nevertheless. It is then inserted on another replica: the
// replicas recognize it as the same block.
func (c *cluster) insert(ctx context.Context, s *shard, table string, fill func(b driver.Batch) error) error {
	sql := fmt.Sprintf("INSERT INTO %s (%s) VALUES", c.table(table), tableOf(table).inserted())
	err := c.reach(ctx, s, func(n *node) error {
		b, err := n.conn.PrepareBatch(ctx, sql)
		if err != nil {
			return err
		}
		if err := fill(b); err != nil {
			_ = b.Abort()
			return err
		}
		return b.Send()
	})
	if err != nil {
		return fmt.Errorf("insert into %s: %w", table, err)
	}
	return nil
}

// note writes a number that only grows.
func (c *cluster) note(ctx context.Context, key string, value int64) error {
	return c.insert(ctx, c.ledger(), stateTable, func(b driver.Batch) error { return b.Append(key, value) })
}
