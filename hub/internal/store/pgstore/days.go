package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

const dayMillis = int64(rollup.Day)

// ahead is how many days after today have partitions, so that rows that other
// programs insert have one, too.
const ahead = 2

// The tables that have a partition for each day.
const (
	requestsTable = "api_metrics"
	healthTable   = "service_health"
)

// day is a day of a table, counted from the Unix epoch.
type day struct {
	table  string
	number int64
}

func (d day) from() int64  { return d.number * dayMillis }
func (d day) until() int64 { return (d.number + 1) * dayMillis }

// name is that of the day's partition, unless another table has it.
func (d day) name() string {
	return fmt.Sprintf("%s_%s", d.table, time.UnixMilli(d.from()).UTC().Format("20060102"))
}

// days are those that are known to have a partition.
type days struct {
	mu    sync.Mutex
	known map[day]bool
}

func (d *days) missing(wanted map[day]bool) (missing []day) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range wanted {
		if !d.known[w] {
			missing = append(missing, w)
		}
	}
	return missing
}

func (d *days) note(there ...day) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = make(map[day]bool)
	}
	for _, t := range there {
		d.known[t] = true
	}
}

func (d *days) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.known)
}

// aheadOf creates the partitions of today and the days ahead.
func (s *Store) aheadOf(ctx context.Context, now time.Time) error {
	wanted := make(map[day]bool)
	for i := range int64(ahead + 1) {
		number := now.UnixMilli()/dayMillis + i
		wanted[day{requestsTable, number}], wanted[day{healthTable, number}] = true, true
	}
	if len(s.days.missing(wanted)) == 0 {
		return nil
	}
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.makeDays(ctx, conn, wanted) })
}

// makeDays creates the partitions that are missing.
func (s *Store) makeDays(ctx context.Context, conn *pgxpool.Conn, wanted map[day]bool) error {
	missing := s.days.missing(wanted)
	if len(missing) == 0 {
		return nil
	}
	err := s.writingWith(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+lockKey+`)`, "days"); err != nil {
			return err
		}
		there, err := readPartitions(ctx, tx)
		if err != nil {
			return err
		}
		for _, d := range missing {
			has, err := there.has(d)
			if err == nil && !has {
				err = d.create(ctx, tx, there)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.days.note(missing...)
	}
	return err
}

// catchAllWait is how long a partition is waited for that needs the lock of a DEFAULT one.
const catchAllWait = "2s"

// create creates a table and then attaches it as a partition, which does not block
// readers and writers of the partitioned table. A DEFAULT partition takes the rows
// of a day for which that cannot be done, since it has some of them or is in use.
func (d day) create(ctx context.Context, tx pgx.Tx, there partitions) error {
	catchAll := there.catchAll(d.table)
	if catchAll != nil {
		if _, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', $1, true)`, catchAllWait); err != nil {
			return err
		}
	}
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { return d.attach(ctx, tx) })
	switch code := state(err); {
	case catchAll != nil && (code == stateCheck || code == stateLockTimeout):
		return nil
	case code == stateOverlap: // an operator's partition covers a part of the day
		return nil
	}
	return err
}

func (d day) attach(ctx context.Context, tx pgx.Tx) error {
	name, err := d.freeName(ctx, tx)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`, name, d.table),
		fmt.Sprintf(`COMMENT ON TABLE %s IS %s`, name, literal(markKept)),
		fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`, d.table, name,
			time.UnixMilli(d.from()).UTC().Format(time.DateOnly), time.UnixMilli(d.until()).UTC().Format(time.DateOnly)),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// freeName returns the day's name, or with a number if another table has it: one that
// an operator detached and keeps. It drops the remains of a partition that was being
// dropped.
func (d day) freeName(ctx context.Context, tx pgx.Tx) (string, error) {
	for i := 1; ; i++ {
		name := d.name()
		if i > 1 {
			name = fmt.Sprintf("%s_%d", name, i)
		}
		var mark string
		err := tx.QueryRow(ctx, `SELECT coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class
			WHERE relname = $1 AND relnamespace = `+ourSchema, name).Scan(&mark)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return name, nil
		case err != nil:
			return "", err
		case mark == markDropping:
			_, err := tx.Exec(ctx, `DROP TABLE `+name)
			return name, err
		}
	}
}

// The comments of partitions that Kymo made. A table without one is not Kymo's to drop,
// whatever its name.
const (
	markKept     = `A day of Kymo's, which drops it when its retention is over. Detached, it stays.`
	markDropping = `A day whose retention is over; Kymo is dropping it.`
)

// partition is a table that is, or was, attached to one of the two tables.
type partition struct {
	day               // its table, and the day of its beginning
	name       string // quoted, with its schema
	from, past int64  // Unix milliseconds
	mark       string
	attached   bool
	pending    bool // its detaching was begun and did not end
	isDefault  bool
}

// droppable reports whether it is Kymo's to drop. One that an operator is
// detaching is not.
func (p *partition) droppable() bool {
	return p.mark == markDropping || p.mark == markKept && p.attached && !p.pending
}

type partitions []partition

// catchAll returns the DEFAULT partition of a table, or nil.
func (ps partitions) catchAll(table string) *partition {
	for i := range ps {
		if ps[i].table == table && ps[i].isDefault {
			return &ps[i]
		}
	}
	return nil
}

// has reports whether a partition has room for a day. It may be of a longer time, and
// not Kymo's. The error is errForgotten if it is being dropped: another hub has
// pruned, and this one has not noticed.
func (ps partitions) has(d day) (bool, error) {
	for i := range ps {
		p := &ps[i]
		if p.table != d.table || !p.attached || p.isDefault || p.from > d.from() || p.past < d.until() {
			continue
		}
		if p.pending {
			return false, errForgotten
		}
		return true, nil
	}
	return false, nil
}

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readPartitions returns the partitions of both tables, and the tables that are left of
// those that were being dropped.
func readPartitions(ctx context.Context, q querier) (partitions, error) {
	rows, err := q.Query(ctx, `
		WITH bound AS (
			SELECT i.inhrelid, p.relname AS parent, i.inhdetachpending AS pending, pg_get_expr(c.relpartbound, c.oid) AS expr
			FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
			WHERE p.relnamespace = `+ourSchema+` AND p.relname IN ('`+requestsTable+`', '`+healthTable+`')
		)
		SELECT coalesce(b.parent, substring(c.relname FROM '^(`+requestsTable+`|`+healthTable+`)_[0-9]{8}')), format('%I.%I', n.nspname, c.relname),
			coalesce(obj_description(c.oid, 'pg_class'), ''), b.inhrelid IS NOT NULL, coalesce(b.pending, false), coalesce(b.expr = 'DEFAULT', false),
			extract(epoch FROM substring(b.expr FROM $$FROM \('([^']*)'\)$$)::timestamp)::float8,
			extract(epoch FROM substring(b.expr FROM $$TO \('([^']*)'\)$$)::timestamp)::float8
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN bound b ON b.inhrelid = c.oid
		WHERE b.inhrelid IS NOT NULL OR c.relnamespace = `+ourSchema+` AND c.relkind = 'r'
			AND c.relname ~ '^(`+requestsTable+`|`+healthTable+`)_[0-9]{8}' AND obj_description(c.oid, 'pg_class') = $1`, markDropping)
	if err != nil {
		return nil, err
	}
	var found partitions
	var p partition
	var from, past *float64 // seconds; NULL without a bound
	_, err = pgx.ForEachRow(rows, []any{&p.table, &p.name, &p.mark, &p.attached, &p.pending, &p.isDefault, &from, &past}, func() error {
		p.from, p.past = millis(from, math.MinInt64), millis(past, math.MaxInt64)
		p.number = p.from / dayMillis
		found = append(found, p)
		return nil
	})
	return found, err
}

func millis(seconds *float64, otherwise int64) int64 {
	if seconds == nil || math.IsInf(*seconds, 0) {
		return otherwise
	}
	return int64(math.Round(*seconds * 1000))
}
