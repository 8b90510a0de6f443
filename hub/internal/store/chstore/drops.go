package chstore

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/internal/wire"
)

// dropsOf returns the counts of requests that could not be kept.
func dropsOf(fresh []*wire.Batch) []wire.Drop {
	var drops []wire.Drop
	for _, b := range fresh {
		for _, d := range b.Drops {
			if d.Count > 0 {
				drops = append(drops, d)
			}
		}
	}
	return drops
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

// addDrops adds the counts of dropped requests.
func (s *Store) addDrops(ctx context.Context, a *answer) error {
	q := &a.query
	sql := fmt.Sprintf(`SELECT %s AS step, service, sum(dropped) FROM %s WHERE %s AND at_ms >= %d AND at_ms < %d AND %s`,
		a.stepOf("at_ms"), s.table(dropsTable), since(q.From), q.From, q.To, a.snap.counting())
	if q.Service != "" {
		sql += " AND service = " + quote(q.Service)
	}
	sql += " GROUP BY step, service"
	type count struct {
		place
		dropped uint64
	}
	c, err := ask(ctx, s, s.ledger(), question{sql: sql, table: dropsTable, snap: a.snap}, func(rows driver.Rows) (n count, err error) {
		err = rows.Scan(&n.step, &n.key.Service, &n.dropped)
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
