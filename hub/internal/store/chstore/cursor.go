package chstore

import (
	"context"
	"errors"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// cursor walks through the rows of an answer.
type cursor[T any] struct {
	rows driver.Rows
	node *node
	ctx  context.Context // of the answer
	end  context.CancelFunc
	scan func(driver.Rows) (T, error)
	next T
	more bool // whether next is a row; false at the end
}

// question is a query to a shard. The numbers of the groups that count
// (snapshot.counting), and of those that are wanted, are sent along as tables.
type question struct {
	sql    string
	table  string
	snap   *snapshot
	wanted []uint64
}

// ask queries one of a shard's servers, and the next one if it fails before the first
// row.
func ask[T any](ctx context.Context, s *Store, sh *shard, q question, scan func(driver.Rows) (T, error)) (*cursor[T], error) {
	c := &cursor[T]{scan: scan}
	err := s.readAgain(ctx, sh, func(n *node) error {
		with, err := q.with(ctx)
		if err != nil {
			return err
		}
		c.node = n
		c.ctx, c.end = n.within(with, s.patience)
		if c.rows, err = n.conn.Query(c.ctx, q.sql); err != nil {
			err = n.why(c.ctx, err)
			c.end()
			return err
		}
		if err = c.advance(); err != nil {
			c.close()
		}
		return err
	})
	var once *onceError
	if errors.As(err, &once) {
		err = &shardError{sh.number, err}
	}
	return c, err
}

// with sends the question's numbers along.
func (q *question) with(ctx context.Context) (context.Context, error) {
	return withNumbers(ctx, numbers{"live", q.snap.groups}, numbers{"aborted", q.snap.aborted}, numbers{"wanted", q.wanted})
}

// advance goes to the next row.
func (c *cursor[T]) advance() (err error) {
	if c.more = c.rows.Next(); c.more {
		c.next, err = c.scan(c.rows)
		return err
	}
	if err = c.rows.Err(); err != nil {
		err = c.node.why(c.ctx, err)
	}
	return err
}

// each hands the rows on, as long as take wants more of them.
func (c *cursor[T]) each(take func(T) (more bool)) error {
	defer c.close()
	for c.more {
		if !take(c.next) {
			return nil
		}
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the answer, and does not wait for what is left of it; advance has returned
// its error.
func (c *cursor[T]) close() {
	c.end()
	_ = c.rows.Close()
}
