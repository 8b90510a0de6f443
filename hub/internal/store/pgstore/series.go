package pgstore

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// series are the known numbers of series. A series never gets another number.
type series struct {
	mu   sync.RWMutex
	ids  map[rollup.Key]uint32
	keys map[uint32]rollup.Key
}

func (s *series) note(id uint32, k rollup.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids, s.keys = make(map[rollup.Key]uint32), make(map[uint32]rollup.Key)
	}
	s.ids[k], s.keys[id] = id, k
}

// id returns the number of a series, or 0 if it is not known.
func (s *series) id(k rollup.Key) uint32 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[k]
}

func (s *series) key(id uint32) (rollup.Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.keys[id]
	return k, ok
}

const seriesColumns = `service, endpoint, method, status`

// number makes the numbers of series known, and gives new series one. It need not be
// part of the transaction that uses them: an unused number does no harm.
func (s *series) number(ctx context.Context, q querier, keys map[rollup.Key]bool) error {
	var unknown []rollup.Key
	for k := range keys {
		if s.id(k) == 0 {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	// Always in the same order, so that two hubs do not deadlock.
	slices.SortFunc(unknown, func(a, b rollup.Key) int { return rollup.CompareKeys(&a, &b) })
	columns := seriesArrays(unknown)
	const given = `unnest($1::text[], $2::text[], $3::text[], $4::int[])`
	const find = `SELECT id, ` + seriesColumns + ` FROM kymo_series WHERE (` + seriesColumns + `) IN (SELECT * FROM ` + given + `)`
	// INSERT … ON CONFLICT uses up a number of the sequence even if the row exists.
	if err := s.read(ctx, q, find, columns...); err != nil {
		return err
	}
	unknown = slices.DeleteFunc(unknown, func(k rollup.Key) bool { return s.id(k) != 0 })
	if len(unknown) == 0 {
		return nil
	}
	columns = seriesArrays(unknown)
	if err := s.read(ctx, q, `INSERT INTO kymo_series (`+seriesColumns+`) SELECT * FROM `+given+
		` ON CONFLICT DO NOTHING RETURNING id, `+seriesColumns, columns...); err != nil {
		return err
	}
	return s.read(ctx, q, find, columns...)
}

// learn reads the keys of the series with these numbers.
func (s *series) learn(ctx context.Context, q querier, ids []int32) error {
	return s.read(ctx, q, `SELECT id, `+seriesColumns+` FROM kymo_series WHERE id = ANY($1)`, ids)
}

func (s *series) read(ctx context.Context, q querier, sql string, args ...any) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	var id int32
	var k rollup.Key
	_, err = pgx.ForEachRow(rows, []any{&id, &k.Service, &k.Endpoint, &k.Method, &k.Status}, func() error {
		s.note(uint32(id), k)
		return nil
	})
	return err
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
