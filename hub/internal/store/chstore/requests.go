package chstore

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Requests implements store.Store. They are read an hour at a
// time, so that no server has to sort more at once.
func (s *Store) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		if s.closed.Load() {
			yield(nil, store.ErrClosed)
			return
		}
		snap, err := s.snapshot(ctx)
		if err != nil {
			yield(nil, s.classify(ctx, err))
			return
		}
		q.From, q.To = max(q.From, snap.floor, 0), min(q.To, lastSecond*1000+1000)
		if q.From >= q.To {
			return
		}
		hours, err := s.hours(ctx, snap, &q)
		if err != nil {
			yield(nil, s.classify(ctx, err))
			return
		}
		const hour = int64(rollup.Hour)
		for _, n := range hours {
			part := q
			part.Window = rollup.Window{From: max(q.From, n*hour), To: min(q.To, (n+1)*hour)}
			if !s.requestsOf(ctx, snap, &part, yield) {
				return
			}
			if err := s.stillThere(ctx, part.From); err != nil {
				yield(nil, s.classify(ctx, err))
				return
			}
		}
	}
}

// selecting returns the query's conditions, other than its window.
func selecting(q *store.RequestQuery) string {
	sql := filters(&q.Filter)
	if q.User != "" {
		sql += " AND user_id = " + quote(q.User)
	}
	if q.MinDuration > 0 {
		sql += fmt.Sprintf(" AND duration_ns >= %d", int64(q.MinDuration))
	}
	return sql
}

// hours lists the hours in which the query finds something, in order.
func (s *Store) hours(ctx context.Context, snap *snapshot, q *store.RequestQuery) ([]int64, error) {
	found := make(map[int64]bool)
	sql := fmt.Sprintf(`SELECT toInt64(intDiv(span, 12)) AS hour FROM %s WHERE %s AND %s AND %s%s GROUP BY hour`,
		s.table(requestsTable), since(q.From), startsIn(q.Window), snap.counting(), selecting(q))
	for _, sh := range s.shards {
		c, err := ask(ctx, s, sh, question{sql: sql, table: requestsTable, snap: snap}, func(rows driver.Rows) (hour int64, err error) {
			err = rows.Scan(&hour)
			return hour, err
		})
		if err == nil {
			err = c.each(func(hour int64) bool {
				found[hour] = true
				return true
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// requestsOf merges the shards' requests of an hour. It returns false if no more is
// wanted.
func (s *Store) requestsOf(ctx context.Context, snap *snapshot, q *store.RequestQuery, yield func(*store.Record, error) bool) bool {
	fail := func(err error) bool {
		yield(nil, s.classify(ctx, err))
		return false
	}
	sql := fmt.Sprintf(`SELECT service, endpoint, method, status_code, user_id, toInt64(toUInt32(created_at)) * 1000 + created_ms AS start,
		duration_ns, first_byte_ns, lifetime_ns, response_bytes, instance, version, error, trace_id FROM %s WHERE %s AND %s AND %s%s ORDER BY start`,
		s.table(requestsTable), since(q.From), startsIn(q.Window), snap.counting(), selecting(q))
	var cursors []*cursor[*store.Record]
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	for _, sh := range s.shards {
		c, err := ask(ctx, s, sh, question{sql: sql, table: requestsTable, snap: snap}, scanRequest)
		if err != nil {
			return fail(err)
		}
		cursors = append(cursors, c)
	}
	for {
		var first *cursor[*store.Record]
		for _, c := range cursors {
			if c.more && (first == nil || c.next.Start < first.next.Start) {
				first = c
			}
		}
		if first == nil {
			return true
		}
		if !yield(first.next, nil) {
			return false
		}
		if err := first.advance(); err != nil {
			return fail(err)
		}
	}
}

func scanRequest(rows driver.Rows) (*store.Record, error) {
	var r store.Record
	var status int32
	var user *string
	var trace string
	var duration, firstByte, lifetime int64
	err := rows.Scan(&r.Service, &r.Endpoint, &r.Method, &status, &user, &r.Start, &duration, &firstByte, &lifetime, &r.Size, &r.Instance,
		&r.Version, &r.Error, &trace)
	r.Trace, _ = wire.ParseTraceID([]byte(trace)) // what another program wrote may be none
	if user != nil {
		r.User = *user
	}
	r.Status = int(status)
	r.Duration, r.FirstByte, r.Lifetime = time.Duration(duration), time.Duration(firstByte), time.Duration(lifetime)
	return &r, err
}
