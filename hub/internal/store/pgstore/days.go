package pgstore

import (
	"context"
	"fmt"
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

// day is a partition: its table, and its day since the Unix epoch.
type day struct {
	table  string
	number int64
}

// name is the partition's name.
func (d day) name() string {
	return fmt.Sprintf("%s_%s", d.table, time.UnixMilli(d.number*dayMillis).UTC().Format("20060102"))
}

// parseDay is the inverse of name.
func parseDay(table, name string) (day, bool) {
	at, err := time.Parse(table+"_20060102", name)
	return day{table, at.UnixMilli() / dayMillis}, err == nil
}

// days are the partitions that are known to exist.
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
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return s.makeDays(ctx, conn, wanted)
}

// makeDays creates the partitions that are missing.
func (s *Store) makeDays(ctx context.Context, conn *pgxpool.Conn, wanted map[day]bool) error {
	missing := s.days.missing(wanted)
	if len(missing) == 0 {
		return nil
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+lockKey+`)`, "days"); err != nil {
			return err
		}
		there, err := partitions(ctx, tx)
		if err != nil {
			return err
		}
		for _, d := range missing {
			switch there[d] {
			case attached:
				continue
			case detaching:
				return errForgotten // another hub has pruned, and this one has not noticed
			}
			if err := d.create(ctx, tx); err != nil {
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

// create creates a table and then attaches it as a partition, which does not block
// readers and writers of the partitioned table. It replaces the remains of a partition
// that was being dropped.
func (d day) create(ctx context.Context, tx pgx.Tx) error {
	name, from := d.name(), time.UnixMilli(d.number*dayMillis).UTC()
	for _, statement := range []string{
		fmt.Sprintf(`DROP TABLE IF EXISTS %s`, name),
		fmt.Sprintf(`CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`, name, d.table),
		fmt.Sprintf(`ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM ('%s') TO ('%s')`, d.table, name,
			from.Format(time.DateOnly), from.Add(24*time.Hour).Format(time.DateOnly)),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// partition is the state of a partition.
type partition int

const (
	attached  partition = 1 + iota
	detaching           // detaching was begun and did not end
	detached            // a table of its own that is not dropped yet
)

// querier is a connection, a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// partitions returns the state of each day's partition. Tables with other names are
// not ours.
func partitions(ctx context.Context, q querier) (map[day]partition, error) {
	rows, err := q.Query(ctx, `SELECT c.relname, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
		FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
		AND c.relname ~ '^(`+requestsTable+`|`+healthTable+`)_[0-9]{8}$'`)
	if err != nil {
		return nil, err
	}
	found := make(map[day]partition)
	var name string
	var inherits, pending bool
	_, err = pgx.ForEachRow(rows, []any{&name, &inherits, &pending}, func() error {
		for _, table := range []string{requestsTable, healthTable} {
			d, ok := parseDay(table, name)
			switch {
			case !ok:
			case pending:
				found[d] = detaching
			case inherits:
				found[d] = attached
			default:
				found[d] = detached
			}
		}
		return nil
	})
	return found, err
}
