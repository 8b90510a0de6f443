package pgstore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Requests implements store.Store. It leaves out rows that other programs inserted.
func (s *Store) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		args := []any{timestamp(max(q.From, s.pruned.Load())), timestamp(q.To)}
		sql := `SELECT service, endpoint, method, status_code, coalesce(user_id, ''), created_at, duration_ns,
			coalesce(first_byte_ns, 0), coalesce(lifetime_ns, 0), coalesce(response_bytes, 0),
			coalesce((SELECT name FROM kymo_instances k WHERE k.id = instance_id), ''), coalesce(version, ''), coalesce(error, ''), trace_id
			FROM ` + requestsTable + ` WHERE created_at >= $1 AND created_at < $2 AND instance_id IS NOT NULL`
		and := func(condition string, value any) {
			args = append(args, value)
			sql += fmt.Sprintf(" AND %s $%d", condition, len(args))
		}
		for column, value := range q.Columns() {
			and(column+" =", value)
		}
		if q.User != "" {
			and("user_id =", q.User)
		}
		if q.MinDuration > 0 {
			and("duration_ns >=", int64(q.MinDuration))
		}
		sql += ` ORDER BY created_at`
		var r store.Record
		var start time.Time
		var duration, firstByte, lifetime int64
		var trace pgtype.UUID
		each(s, ctx, yield, sql, args, []any{&r.Service, &r.Endpoint, &r.Method, &r.Status, &r.User, &start, &duration,
			&firstByte, &lifetime, &r.Size, &r.Instance, &r.Version, &r.Error, &trace}, func() (*store.Record, error) {
			record := r
			record.Trace = trace.Bytes
			record.Start = start.UnixMilli()
			record.Duration, record.FirstByte, record.Lifetime = time.Duration(duration), time.Duration(firstByte), time.Duration(lifetime)
			return &record, nil
		})
	}
}
