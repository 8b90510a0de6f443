package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/hub/internal/store"
)

// PutDocument implements store.Documenter.
func (s *Store) PutDocument(ctx context.Context, d *store.Document) error {
	_, err := s.insertDocument(ctx, d, `DO UPDATE SET body = excluded.body, created_at = excluded.created_at, updated_at = excluded.updated_at`)
	return err
}

// AddDocument implements store.Documenter. A write is repeated if its outcome was lost: then
// it may find its own row, which counts as written.
func (s *Store) AddDocument(ctx context.Context, d *store.Document) (bool, error) {
	return s.insertDocument(ctx, d, `DO UPDATE SET updated_at = excluded.updated_at
		WHERE d.body::text = excluded.body::text AND d.created_at = excluded.created_at AND d.updated_at = excluded.updated_at`)
}

// insertDocument keeps a document, or does what is given if there is one of its kind and
// name, d. It reports whether a row was written.
func (s *Store) insertDocument(ctx context.Context, d *store.Document, otherwise string) (written bool, err error) {
	if s.closed.Load() {
		return false, store.ErrClosed
	}
	if err := d.Validate(); err != nil {
		return false, err
	}
	err = s.again(ctx, func() error {
		return s.writing(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `INSERT INTO kymo_documents AS d (kind, name, body, created_at, updated_at) VALUES ($1, $2, $3::text::json, $4, $5)
				ON CONFLICT (kind, name) `+otherwise,
				d.Kind, d.Name, string(d.JSON), d.Created.UTC().Truncate(time.Millisecond), d.Updated.UTC().Truncate(time.Millisecond))
			written = err == nil && tag.RowsAffected() > 0
			return err
		})
	})
	return written && err == nil, s.classify(ctx, err)
}

// DeleteDocument implements store.Documenter.
func (s *Store) DeleteDocument(ctx context.Context, kind, name string) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.classify(ctx, s.again(ctx, func() error {
		return s.writing(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM kymo_documents WHERE kind = $1 AND name = $2`, kind, name)
			return err
		})
	}))
}

// Documents implements store.Documenter.
func (s *Store) Documents(ctx context.Context, kind string) (found []store.Document, err error) {
	if s.closed.Load() {
		return nil, store.ErrClosed
	}
	err = s.again(ctx, func() error {
		return s.reading(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT kind, name, body::text, created_at, updated_at FROM kymo_documents WHERE $1 IN ('', kind)`, kind)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d store.Document, err error) {
				var body string
				err = row.Scan(&d.Kind, &d.Name, &body, &d.Created, &d.Updated)
				d.JSON = []byte(body)
				return d, err
			})
			return err
		})
	})
	if err != nil {
		return nil, s.classify(ctx, err)
	}
	store.SortDocuments(found)
	return found, nil
}
