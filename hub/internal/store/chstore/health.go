package chstore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// healthRow is a health result and the instance that found it.
type healthRow struct {
	*wire.HealthResult
	instance string
}

func healthRows(fresh []*wire.Batch) []healthRow {
	var rows []healthRow
	for _, b := range fresh {
		for i := range b.Health {
			rows = append(rows, healthRow{&b.Health[i], b.Instance})
		}
	}
	return rows
}

func fillHealth(number uint64, rows []healthRow) func(driver.Batch) error {
	return func(b driver.Batch) error {
		for i, r := range rows {
			latency := ""
			if r.Latency.Count() > 0 {
				latency = string(r.Latency.AppendBinary(nil))
			}
			at := time.UnixMilli(clamp(r.To)).UTC()
			if err := b.Append(r.Name(), r.Status.String(), r.Details, at, uint16(clamp(r.To)%1000), r.From, r.Failures,
				r.instance, bit(r.Flapping), bit(r.Critical), r.Service, r.Check, r.Reason, latency,
				dayOf(secondOf(number)), number, uint32(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// checkedMillis is the instant of the last run in a result's span.
const checkedMillis = `(toInt64(toUInt32(checked_at)) * 1000 + checked_ms)`

// touching returns the condition for results whose span overlaps a window.
func (s *Store) touching(snap *snapshot, w rollup.Window) string {
	from := max(w.From, snap.floor, 0)
	return fmt.Sprintf(`%s AND %s >= %d AND began_ms < %d AND %s`, since(from), checkedMillis, from, w.To, snap.counting())
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	columns, rest := `status, flapping, critical, began_ms, `+checkedMillis+`, failures, service, check_name, reason, details, latency, instance`, ``
	if q.Name != "" {
		rest = ` AND service_name = ` + quote(q.Name)
	}
	return eachHealth(ctx, s, q.Window, columns, rest+` ORDER BY began_ms, service_name, instance`, scanHealth)
}

// HealthNames implements store.Store.
func (s *Store) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	// DISTINCT in version 18.16 returns some names twice if the table is sorted by them.
	return eachHealth(ctx, s, w, `service_name`, ` GROUP BY service_name ORDER BY service_name`, func(rows driver.Rows) (name string, err error) {
		err = rows.Scan(&name)
		return name, err
	})
}

// eachHealth yields the columns of results whose span overlaps a window.
func eachHealth[T any](ctx context.Context, s *Store, w rollup.Window, columns, rest string, scan func(driver.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if s.closed.Load() {
			yield(none, store.ErrClosed)
			return
		}
		if w.From > w.To {
			return
		}
		stopped := false
		err := func() error {
			snap, err := s.snapshot(ctx)
			if err != nil {
				return err
			}
			sql := `SELECT ` + columns + ` FROM ` + s.table(healthTable) + ` WHERE ` + s.touching(snap, w) + rest
			c, err := ask(ctx, s, s.ledger(), question{sql: sql, table: healthTable, snap: snap}, scan)
			if err != nil {
				return err
			}
			err = c.each(func(v T) bool {
				stopped = !yield(v, nil)
				return !stopped
			})
			if err != nil || stopped {
				return err
			}
			return s.stillThere(ctx, max(w.From, snap.floor))
		}()
		if err != nil && !stopped {
			yield(none, s.classify(ctx, err))
		}
	}
}

func scanHealth(rows driver.Rows) (*store.HealthRecord, error) {
	r := new(store.HealthRecord)
	var status, latency string
	var flapping, critical uint8
	if err := rows.Scan(&status, &flapping, &critical, &r.From, &r.To, &r.Failures, &r.Service, &r.Check, &r.Reason, &r.Details,
		&latency, &r.Instance); err != nil {
		return nil, err
	}
	r.Flapping, r.Critical = flapping != 0, critical != 0
	if latency != "" {
		if _, err := r.Latency.Decode([]byte(latency)); err != nil {
			return nil, errDamaged
		}
	}
	for r.Status = health.Unknown; r.Status <= health.Down; r.Status++ {
		if r.Status.String() == status {
			return r, nil
		}
	}
	return nil, errDamaged
}
