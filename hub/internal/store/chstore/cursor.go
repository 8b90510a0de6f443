package chstore

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// cursor walks through the rows of an answer.
type cursor[T any] struct {
	rows driver.Rows
	scan func(driver.Rows) (T, error)
	next T
	any  bool // whether next is a row; false at the end
}

// question is what is asked of a shard: of one table, with the numbers that count
// in tables of their own (snapshot.counting), and those wanted in another.
type question struct {
	sql    string
	table  string
	snap   *snapshot
	wanted []uint64
}

// ask asks one of a shard's servers, and the next one as long as there is no
// first row.
func ask[T any](ctx context.Context, s *Store, sh *shard, q question, scan func(driver.Rows) (T, error)) (*cursor[T], error) {
	c := &cursor[T]{scan: scan}
	err := s.readAgain(ctx, sh, func(n *node) error {
		with, err := q.with(ctx)
		if err != nil {
			return err
		}
		if c.rows, err = n.conn.Query(with, q.sql); err != nil {
			return err
		}
		if err = c.advance(); err != nil {
			c.close()
		}
		return err
	})
	return c, err
}

// with sends the question's numbers along.
func (q *question) with(ctx context.Context) (context.Context, error) {
	return withNumbers(ctx, numbers{"live", q.snap.groups}, numbers{"voids", q.snap.voids}, numbers{"wanted", q.wanted})
}

// advance goes to the next row.
func (c *cursor[T]) advance() (err error) {
	if c.any = c.rows.Next(); !c.any {
		return c.rows.Err()
	}
	c.next, err = c.scan(c.rows)
	return err
}

// each hands the rows on, as long as take wants more of them.
func (c *cursor[T]) each(take func(T) (more bool)) error {
	defer c.close()
	for c.any {
		if !take(c.next) {
			return nil
		}
		if err := c.advance(); err != nil {
			return err
		}
	}
	return nil
}

// close ends the answer; what went wrong with it, advance has said.
func (c *cursor[T]) close() { _ = c.rows.Close() }
