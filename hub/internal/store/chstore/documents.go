package chstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Each change of a document is a row with a version that is larger than those before, by
// which it wins over them, whatever the clocks of hubs say. A document that is deleted
// keeps a row that says so. The lower bits of a version are random, so that of two hubs
// that change a document at the same moment all servers let the same one win.
const versionStep = 1 << 20

// PutDocument implements store.Documenter.
func (s *Store) PutDocument(ctx context.Context, d *store.Document) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	if err := d.Validate(); err != nil {
		return err
	}
	return s.classify(ctx, s.changeDocument(ctx, d, false))
}

// AddDocument implements store.Documenter. Nothing keeps two hubs from adding a document at
// the same moment: then the same one wins on all servers.
func (s *Store) AddDocument(ctx context.Context, d *store.Document) (bool, error) {
	s.adding.Lock()
	defer s.adding.Unlock()
	all, err := s.Documents(ctx, d.Kind)
	if err != nil || slices.ContainsFunc(all, func(o store.Document) bool { return o.Name == d.Name }) {
		return false, err
	}
	err = s.PutDocument(ctx, d)
	return err == nil, err
}

// DeleteDocument implements store.Documenter.
func (s *Store) DeleteDocument(ctx context.Context, kind, name string) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.classify(ctx, s.changeDocument(ctx, &store.Document{Kind: kind, Name: name, Created: time.UnixMilli(0), Updated: time.UnixMilli(0)}, true))
}

func (s *Store) changeDocument(ctx context.Context, d *store.Document, deleted bool) error {
	since := s.now()
	var last uint64
	if err := s.readAgain(ctx, s.ledger(), func(n *node) (err error) {
		last, err = count(ctx, n, fmt.Sprintf(`SELECT max(version) FROM %s WHERE kind = %s AND name = %s`,
			s.table(documentsTable), quote(d.Kind), quote(d.Name)))
		return err
	}); err != nil {
		return err
	}
	if deleted && last == 0 {
		return nil // there never was one
	}
	version := (last/versionStep+1)*versionStep + rand.Uint64N(versionStep)
	var mark uint8
	if deleted {
		mark = 1
	}
	if err := s.insert(ctx, s.ledger(), documentsTable, func(b driver.Batch) error {
		return b.Append(d.Kind, d.Name, version, mark, d.Created.UnixMilli(), d.Updated.UnixMilli(), string(d.JSON))
	}); err != nil {
		return err
	}
	return s.spread(ctx, s.ledger(), since, documentsTable)
}

// Documents implements store.Documenter.
func (s *Store) Documents(ctx context.Context, kind string) (found []store.Document, err error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	where := ""
	if kind != "" {
		where = " WHERE kind = " + quote(kind)
	}
	sql := fmt.Sprintf(`SELECT kind, name, argMax(created_ms, version), argMax(updated_ms, version), argMax(body, version) FROM %s%s
		GROUP BY kind, name HAVING argMax(deleted, version) = 0`, s.table(documentsTable), where)
	if err := s.readAgain(ctx, s.ledger(), func(n *node) error {
		found, err = readDocuments(ctx, n, sql)
		return err
	}); err != nil {
		return nil, s.classify(ctx, err)
	}
	store.SortDocuments(found)
	return found, nil
}

func readDocuments(ctx context.Context, n *node, sql string) (found []store.Document, err error) {
	rows, err := n.conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var d store.Document
		var created, updated int64
		var body string
		if err := rows.Scan(&d.Kind, &d.Name, &created, &updated, &body); err != nil {
			return nil, err
		}
		d.Created, d.Updated, d.JSON = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC(), []byte(body)
		found = append(found, d)
	}
	return found, rows.Err()
}
