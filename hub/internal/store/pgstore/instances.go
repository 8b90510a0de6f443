package pgstore

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/store/seen"
)

// maxGaps bounds the runs of numbers remembered of one instance.
const maxGaps = 4096

// instances are the instances that are known to have a row.
type instances struct {
	mu    sync.Mutex
	names map[string]bool
}

// maxKnown bounds how many are remembered: each post with an idempotency key is an
// instance of its own.
const maxKnown = 1 << 16

func (in *instances) unknown(names []string) (unknown []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, name := range names {
		if !in.names[name] {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

func (in *instances) note(names []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.names == nil || len(in.names) > maxKnown {
		in.names = make(map[string]bool)
	}
	for _, name := range names {
		in.names[name] = true
	}
}

func (in *instances) forget() {
	in.mu.Lock()
	defer in.mu.Unlock()
	clear(in.names)
}

// makeInstances inserts a row for each name that has none. The names are sorted.
func (s *Store) makeInstances(ctx context.Context, conn *pgxpool.Conn, names []string) error {
	unknown := s.known.unknown(names)
	if len(unknown) == 0 {
		return nil
	}
	err := s.writingWith(ctx, conn, func(tx pgx.Tx) error {
		// INSERT … ON CONFLICT uses up a number of the sequence even if the row exists.
		_, err := tx.Exec(ctx, `INSERT INTO kymo_instances (name, seen_at)
			SELECT name, $2 FROM unnest($1::text[]) WITH ORDINALITY AS given (name, place)
			WHERE NOT EXISTS (SELECT FROM kymo_instances k WHERE k.name = given.name)
			ORDER BY place ON CONFLICT DO NOTHING`, unknown, s.latest())
		return err
	})
	if err == nil {
		s.known.note(unknown)
	}
	return err
}

// processInstances returns the numbers of instances that requests came through, which need no
// lock: nothing but the name is of interest. One that was not heard of for an hour is noted as
// heard of, unless another hub is doing so.
func (s *Store) processInstances(ctx context.Context, tx pgx.Tx, names []string) (map[string]int64, error) {
	if len(names) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `WITH heard AS (UPDATE kymo_instances SET seen_at = $2 WHERE id IN
			(SELECT id FROM kymo_instances WHERE name = ANY($1) AND seen_at < $2::timestamp - interval '1 hour' FOR UPDATE SKIP LOCKED))
		SELECT id, name FROM kymo_instances WHERE name = ANY($1)`, names, s.latest())
	if err != nil {
		return nil, err
	}
	found := make(map[string]int64, len(names))
	var id int64
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		found[name] = id
		return nil
	})
	return found, err
}

// instance is a row of kymo_instances, locked.
type instance struct {
	id      int64
	numbers seen.Set
	changed bool
}

// lockInstances locks and reads the rows of the names. Every transaction locks them
// in the order of their names.
func lockInstances(ctx context.Context, tx pgx.Tx, names []string) (map[string]*instance, error) {
	rows, err := tx.Query(ctx, `SELECT id, name, numbers FROM kymo_instances WHERE name = ANY($1) ORDER BY name FOR UPDATE`, names)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*instance, len(names))
	var id int64
	var name string
	var numbers []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &numbers}, func() error {
		set, err := seen.Decode(numbers)
		found[name] = &instance{id: id, numbers: set}
		return err
	})
	return found, err
}
