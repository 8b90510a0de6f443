package chstore

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/internal/wire"
)

// dropsOf returns the counts of requests that could not be kept: those without a reason,
// and those with one.
func dropsOf(fresh []*wire.Batch) (plain, reasons []wire.Drop) {
	for _, b := range fresh {
		for _, d := range b.Drops {
			switch {
			case d.Count == 0:
			case d.Reason == wire.UnknownReason:
				plain = append(plain, d)
			default:
				reasons = append(reasons, d)
			}
		}
	}
	return plain, reasons
}

func fillDrops(number uint64, drops []wire.Drop) func(driver.Batch) error {
	return func(b driver.Batch) error {
		for _, d := range drops {
			if err := b.Append(dayOf(secondOf(number)), number, d.Service, d.At, d.Count); err != nil {
				return err
			}
		}
		return nil
	}
}

func fillReasons(number uint64, drops []wire.Drop) func(driver.Batch) error {
	return func(b driver.Batch) error {
		for _, d := range drops {
			if err := b.Append(dayOf(secondOf(number)), number, d.Service, uint8(d.Reason), d.At, d.Count); err != nil {
				return err
			}
		}
		return nil
	}
}

// addDrops adds the counts of dropped requests in a table, whose reason is an expression.
func (s *Store) addDrops(ctx context.Context, a *answer, table, reason string) error {
	q := &a.query
	sql := fmt.Sprintf(`SELECT %s AS step, service, toInt32(%s) AS why, sum(dropped) FROM %s WHERE %s AND at_ms >= %d AND at_ms < %d AND %s`,
		a.stepOf("at_ms"), reason, s.table(table), since(q.From), q.From, q.To, a.snap.counting())
	if q.Service != "" {
		sql += " AND service = " + quote(q.Service)
	}
	sql += " GROUP BY step, service, why"
	type count struct {
		place
		dropped uint64
	}
	c, err := ask(ctx, s, s.ledger(), question{sql: sql, table: table, snap: a.snap}, func(rows driver.Rows) (n count, err error) {
		var why int32
		err = rows.Scan(&n.step, &n.key.Service, &why, &n.dropped)
		n.key.Status = int(why)
		return n, err
	})
	if err != nil {
		return err
	}
	return c.each(func(n count) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.of(n.place).Dropped += n.dropped
		return true
	})
}
