package pgstore

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/remote"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/internal/wire"
)

// Plain is a table api_metrics that another program writes, as a store that can only be
// read, to be copied. It answers from the rows: paths in them become templates, and rows
// that no request can be are left out.
type Plain struct {
	s              *Store
	defaultService string // of rows that name none
	columns
	health *string // the columns of service_health, nil if there is no such table
}

var _ store.Store = (*Plain)(nil)

// columns are expressions for what a row has.
type columns struct{ at, user, service string }

// OpenSource opens the store that a URL names for reading: a Store, or a Plain if there
// is a table api_metrics that Kymo did not make. Requests of rows that name no service
// get the given one.
func OpenSource(url string, opts Options, service string) (store.Store, error) {
	s, config, err := prepare(url, opts)
	if err != nil {
		return nil, err
	}
	s.onlyReads = true
	var p *Plain
	if err := s.start(config, s.meet, func(ctx context.Context) (err error) {
		p, err = s.plain(ctx, service)
		return err
	}); err != nil {
		return nil, err
	}
	if p != nil {
		return p, nil
	}
	s.pool.Close()
	return Open(url, opts)
}

// plain returns the plain table of the schema, or nil if there is none.
func (s *Store) plain(ctx context.Context, service string) (*Plain, error) {
	var p *Plain
	err := s.reading(ctx, func(tx pgx.Tx) error {
		if version, err := readVersion(ctx, tx); err != nil || version > 0 {
			return err
		}
		has, err := readColumns(ctx, tx, requestsTable)
		if err != nil || len(has) == 0 {
			return err
		}
		c, err := columnsOf(has)
		if err != nil {
			return err
		}
		p = &Plain{s: s, defaultService: service, columns: c}
		if has, err = readColumns(ctx, tx, healthTable); has["service_name"] != "" && has["status"] != "" && isTime(has["checked_at"]) {
			details := "NULL"
			if strings.HasPrefix(has["details"], "json") {
				details = "details"
			}
			p.health = &details
		}
		return err
	})
	return p, err
}

// readColumns returns the types of a table's columns; none if there is no table.
func readColumns(ctx context.Context, tx pgx.Tx, table string) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relname = $1 AND relnamespace = `+ourSchema+` AND attnum > 0 AND NOT attisdropped`, table)
	if err != nil {
		return nil, err
	}
	has := make(map[string]string)
	var name, kind string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind}, func() error {
		has[name] = kind
		return nil
	})
	return has, err
}

func isTime(kind string) bool { return strings.HasPrefix(kind, "timestamp") }

// columnsOf returns how to read a table with these columns.
func columnsOf(has map[string]string) (c columns, err error) {
	for _, name := range []string{"endpoint", "method", "response_time_ms", "status_code"} {
		if has[name] == "" {
			return c, advise("there is a table api_metrics that Kymo did not make, and it has no column %s: it cannot be copied", name)
		}
	}
	for _, name := range []string{"timestamp", "created_at"} {
		if isTime(has[name]) {
			c.at = `"` + name + `"`
		}
	}
	if c.at == "" {
		return c, advise("there is a table api_metrics that Kymo did not make, and it has no column timestamp or created_at of a timestamp's type: it cannot be copied")
	}
	c.user, c.service = "''", "''"
	if has["user_id"] != "" {
		c.user = "coalesce(user_id::text, '')"
	}
	if has["service"] != "" {
		c.service = "coalesce(service::text, '')"
	}
	return c, nil
}

// valid is the condition for rows that are requests. A NULL is none.
func (p *Plain) valid() string {
	return fmt.Sprintf(`coalesce(endpoint <> '' AND method <> '' AND response_time_ms >= 0 AND response_time_ms <= %d AND status_code BETWEEN %d AND %d
		AND %s >= '1970-01-01' AND %s <= now() + interval '23 hours', false)`, int64(wire.MaxDuration/time.Millisecond), wire.MinStatus, wire.MaxStatus, p.at, p.at)
}

// ByHour returns how many requests each hour has, numbered from 1970 on, and how many
// rows are left out.
func (p *Plain) ByHour(ctx context.Context) (requests map[int64]int64, leftOut int64, err error) {
	requests = make(map[int64]int64)
	var hour *int64
	var valid, all int64
	count := func(sql string) error {
		return p.s.reading(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sql)
			if err != nil {
				return err
			}
			_, err = pgx.ForEachRow(rows, []any{&hour, &valid, &all}, func() error {
				if hour != nil && valid > 0 {
					requests[*hour] += valid
				}
				leftOut += all - valid
				return nil
			})
			return err
		})
	}
	if err = count(`SELECT CASE WHEN ` + p.valid() + ` THEN floor(extract(epoch FROM ` + p.at + `) / 3600)::bigint END AS hour,
		count(*) FILTER (WHERE ` + p.valid() + `), count(*) FROM ` + requestsTable + ` GROUP BY hour`); err == nil && p.health != nil {
		counted := requests
		requests = make(map[int64]int64)
		err = count(`SELECT floor(extract(epoch FROM checked_at) / 3600)::bigint AS hour, count(*), count(*) FROM ` + healthTable + ` WHERE ` + validHealth + ` GROUP BY hour`)
		for hour := range requests {
			counted[hour] += 0 // it holds health results
		}
		requests = counted
	}
	return requests, leftOut, p.s.classify(ctx, err)
}

// Rollups implements store.Store. It reads the window's rows, and knows no steps.
func (p *Plain) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		found := make(map[rollup.Key]*rollup.Rollup)
		for r, err := range p.Requests(ctx, store.RequestQuery{Window: q.Window, Filter: q.Filter}) {
			if err != nil {
				yield(nil, err)
				return
			}
			if found[r.Key] == nil {
				found[r.Key] = &rollup.Rollup{Key: r.Key, Start: q.From}
			}
			found[r.Key].Durations.Record(int64(r.Duration))
		}
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Requests implements store.Store.
func (p *Plain) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		sql := `SELECT ` + p.service + `, endpoint::text, method::text, status_code::int, ` + p.user + `,
			floor(extract(epoch FROM ` + p.at + `) * 1000)::bigint, response_time_ms::float8
			FROM ` + requestsTable + ` WHERE ` + p.valid() + ` AND ` + p.at + ` >= $1 AND ` + p.at + ` < $2 ORDER BY ` + p.at
		var r store.Record
		var ms float64
		into := []any{&r.Service, &r.Endpoint, &r.Method, &r.Status, &r.User, &r.Start, &ms}
		matching := func(r *store.Record, err error) bool {
			return err == nil && !q.Matches(r) || yield(r, err)
		}
		each(p.s, ctx, matching, sql, []any{timestamp(q.From), timestamp(q.To)}, into, func() (*store.Record, error) {
			record := r
			record.Service = wire.Clean(record.Service, wire.MaxService)
			if record.Service == "" {
				record.Service = p.defaultService
			}
			record.Endpoint = endpointOf(record.Endpoint)
			record.Method = wire.KnownMethod(strings.ToUpper(record.Method))
			record.User = wire.Clean(record.User, wire.MaxUser)
			record.Duration = time.Duration(math.Round(ms * 1e6))
			record.Instance = requestsTable
			return &record, nil
		})
	}
}

func endpointOf(raw string) string {
	if !template.IsTemplate(raw) {
		raw, _ = template.Path(raw)
	}
	return wire.Clean(raw, wire.MaxEndpoint)
}

const validHealth = `coalesce(service_name <> '' AND status IN ('healthy', 'degraded', 'down') AND checked_at >= '1970-01-01' AND checked_at <= now() + interval '23 hours', false)`

// Health implements store.Store: each row is a result at one instant.
func (p *Plain) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		if p.health == nil {
			return
		}
		sql := `SELECT service_name::text, status::text, floor(extract(epoch FROM checked_at) * 1000)::bigint, CASE WHEN jsonb_typeof((` + *p.health + `)::jsonb) = 'object' THEN (` + *p.health + `)::text ELSE '' END
			FROM ` + healthTable + ` WHERE ` + validHealth + ` AND checked_at >= $1 AND checked_at < $2 ORDER BY checked_at, service_name::text COLLATE "C"`
		var r store.HealthRecord
		var status string
		each(p.s, ctx, yield, sql, []any{timestamp(q.From), timestamp(q.To)}, []any{&r.Check, &status, &r.From, &r.Details}, func() (*store.HealthRecord, error) {
			record := r
			var err error
			record.Check = wire.Clean(record.Check, wire.MaxCheck)
			record.To, record.Instance = record.From, healthTable
			if len(record.Details) > wire.MaxDetails {
				record.Details = ""
			}
			record.Status, err = parseStatus(status)
			return &record, err
		})
	}
}

// HealthNames implements store.Store.
func (p *Plain) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var names []string
		for r, err := range p.Health(ctx, store.HealthQuery{Window: w}) {
			if err != nil {
				yield("", err)
				return
			}
			names = append(names, r.Check)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// errPlain is the error of what would change a table of another program.
const errPlain = remote.AdviceError("the table api_metrics belongs to another program; Kymo only reads it")

// Append implements store.Store: it refuses everything.
func (p *Plain) Append(context.Context, ...*wire.Batch) ([]bool, error) { return nil, errPlain }

// Prune implements store.Store: it deletes nothing.
func (p *Plain) Prune(context.Context, int64) error { return errPlain }

// Close gives the connections back.
func (p *Plain) Close() error {
	if !p.s.closed.Swap(true) {
		p.s.pool.Close()
	}
	return nil
}
