package pgstore

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// series are the known numbers of series. A series keeps its number, and no number is
// used for another one, even if an operator deletes rows of kymo_series: pages have
// nothing but the number. Hubs that remember the rows restore them.
type series struct {
	mu   sync.RWMutex
	ids  map[rollup.Key]uint32
	keys map[uint32]rollup.Key
	lost int // how many were warned of
}

func (s *series) note(id uint32, k rollup.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids, s.keys = make(map[rollup.Key]uint32), make(map[uint32]rollup.Key)
	}
	s.ids[k], s.keys[id] = id, k
}

// noteAll notes series that are committed: the number of one that is not may be given
// to another.
func (s *series) noteAll(found map[uint32]rollup.Key) {
	for id, k := range found {
		s.note(id, k)
	}
}

// find adds the known numbers of keys to ids, and returns the keys of the others. They
// are always in the same order, so that two hubs do not deadlock.
func (s *series) find(keys map[rollup.Key]bool, ids seriesIDs) (unknown []rollup.Key) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for k := range keys {
		if id := s.ids[k]; id != 0 {
			ids[k] = id
		} else {
			unknown = append(unknown, k)
		}
	}
	slices.SortFunc(unknown, func(a, b rollup.Key) int { return rollup.CompareKeys(&a, &b) })
	return unknown
}

func (s *series) key(id uint32) (rollup.Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.keys[id]
	return k, ok
}

// known returns all series as columns.
func (s *series) known() (columns []any, n int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids, keys := make([]int32, 0, len(s.keys)), make([]rollup.Key, 0, len(s.keys))
	for id, k := range s.keys {
		ids, keys = append(ids, int32(id)), append(keys, k)
	}
	return append([]any{ids}, seriesArrays(keys)...), len(ids)
}

// forgetIDs has the numbers read again. The keys of numbers stay: they never change.
func (s *series) forgetIDs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ids)
}

// seriesIDs are the numbers of the series that a transaction writes.
type seriesIDs map[rollup.Key]uint32

// exist reports whether all of them have a row. No TRUNCATE takes it until the
// transaction ends.
func (ids seriesIDs) exist(ctx context.Context, tx pgx.Tx) (bool, error) {
	if len(ids) == 0 {
		return true, nil
	}
	wanted := make([]int32, 0, len(ids))
	for _, id := range ids {
		wanted = append(wanted, int32(id))
	}
	found := 0
	err := tx.QueryRow(ctx, `SELECT count(*) FROM kymo_series WHERE id = ANY($1)`, wanted).Scan(&found)
	return found == len(wanted), err
}

const (
	seriesColumns = `service, endpoint, method, status`
	givenSeries   = `unnest($1::text[], $2::text[], $3::text[], $4::int[])`
	findSeries    = `SELECT id, ` + seriesColumns + ` FROM kymo_series WHERE (` + seriesColumns + `) IN (SELECT * FROM ` + givenSeries + `)`
)

// number returns the numbers of series, and gives new series one. It need not be part
// of the transaction that uses them: an unused number does no harm.
func (s *Store) number(ctx context.Context, conn *pgxpool.Conn, keys map[rollup.Key]bool) (seriesIDs, error) {
	ids := make(seriesIDs, len(keys))
	unknown := s.series.find(keys, ids)
	if len(unknown) == 0 {
		return ids, nil
	}
	var found map[uint32]rollup.Key
	if err := s.readingWith(ctx, conn, func(tx pgx.Tx) (err error) {
		found, err = readSeries(ctx, tx, findSeries, seriesArrays(unknown)...)
		return err
	}); err != nil {
		return nil, err
	}
	s.series.noteAll(found)
	if unknown = s.series.find(keys, ids); len(unknown) == 0 {
		return ids, nil
	}
	if err := s.writingWith(ctx, conn, func(tx pgx.Tx) (err error) {
		found, err = insertSeries(ctx, tx, unknown)
		return err
	}); err != nil {
		return nil, err
	}
	s.series.noteAll(found)
	if unknown = s.series.find(keys, ids); len(unknown) > 0 {
		return nil, errForgotten
	}
	return ids, nil
}

// takeNumbers takes $1 numbers that no series ever had, and keeps others from doing so
// until the end of the transaction.
const takeNumbers = `INSERT INTO kymo_state AS k (key, value) VALUES ('series', $1::bigint + (SELECT coalesce(max(id), 0) FROM kymo_series))
	ON CONFLICT (key) DO UPDATE SET value = $1::bigint + greatest(k.value, (SELECT coalesce(max(id), 0) FROM kymo_series)) RETURNING value`

// insertSeries gives series a number, and returns them with those that another hub
// inserted meanwhile.
func insertSeries(ctx context.Context, tx pgx.Tx, keys []rollup.Key) (map[uint32]rollup.Key, error) {
	var last int64
	if err := tx.QueryRow(ctx, takeNumbers, int64(len(keys))).Scan(&last); err != nil {
		return nil, err
	}
	columns := append(seriesArrays(keys), last-int64(len(keys)))
	if _, err := tx.Exec(ctx, `INSERT INTO kymo_series (id, `+seriesColumns+`) OVERRIDING SYSTEM VALUE
		SELECT $5::bigint + row_number() OVER (), * FROM `+givenSeries+` ON CONFLICT DO NOTHING`, columns...); err != nil {
		return nil, err
	}
	return readSeries(ctx, tx, findSeries, columns[:4]...)
}

// restoreSeries writes rows of series that are known here and no longer there.
func (s *Store) restoreSeries(ctx context.Context) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.restoreSeriesWith(ctx, conn) })
}

func (s *Store) restoreSeriesWith(ctx context.Context, conn *pgxpool.Conn) error {
	columns, n := s.series.known()
	if n == 0 {
		return nil
	}
	restored, whole := int64(0), false
	err := s.writingWith(ctx, conn, func(tx pgx.Tx) error {
		found := 0
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM kymo_series WHERE id = ANY($1)`, columns[0]).Scan(&found); err != nil {
			return err
		}
		if whole = found == n; whole {
			return nil
		}
		if _, err := tx.Exec(ctx, takeNumbers, 0); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO kymo_series (id, `+seriesColumns+`) OVERRIDING SYSTEM VALUE
			SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[]) ON CONFLICT DO NOTHING`, columns...)
		restored = tag.RowsAffected()
		return err
	})
	if err != nil || whole {
		return err
	}
	// Another hub may have given some of them another number first.
	s.series.forgetIDs()
	if restored > 0 {
		s.logger.Warn("rows of kymo_series were gone and are restored; pages refer to them, so do not delete any", "rows", restored)
	}
	return nil
}

// warnOfLost warns of pages that refer to series without a row, when there are more
// of these than before.
func (s *Store) warnOfLost(lost int) {
	s.series.mu.Lock()
	defer s.series.mu.Unlock()
	if lost > s.series.lost {
		s.series.lost = lost
		s.logger.Warn("reports lack the requests of series whose rows of kymo_series are gone", "series", lost)
	}
}

// learn reads the keys of the series with these numbers.
func (s *series) learn(ctx context.Context, q querier, ids []int32) error {
	found, err := readSeries(ctx, q, `SELECT id, `+seriesColumns+` FROM kymo_series WHERE id = ANY($1)`, ids)
	s.noteAll(found)
	return err
}

func readSeries(ctx context.Context, q querier, sql string, args ...any) (map[uint32]rollup.Key, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	found := make(map[uint32]rollup.Key)
	var id int32
	var k rollup.Key
	_, err = pgx.ForEachRow(rows, []any{&id, &k.Service, &k.Endpoint, &k.Method, &k.Status}, func() error {
		found[uint32(id)] = k
		return nil
	})
	return found, err
}

// seriesArrays returns the keys as columns.
func seriesArrays(keys []rollup.Key) []any {
	n := len(keys)
	services, endpoints, methods, statuses := make([]string, n), make([]string, n), make([]string, n), make([]int32, n)
	for i, k := range keys {
		services[i], endpoints[i], methods[i], statuses[i] = k.Service, k.Endpoint, k.Method, int32(k.Status)
	}
	return []any{services, endpoints, methods, statuses}
}
