package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// place is where a hub's data are.
type place struct {
	name string // of the contender
	// make makes an empty place for data; dir is the hub's own.
	make func(ctx context.Context, dir string) (data, error)
}

// data are what a hub keeps.
type data interface {
	store() string // as --store names it
	// settle waits until what was kept stands as it will be read from then on.
	settle(ctx context.Context) error
	// size is how many bytes there are, after the hub has ended.
	size(ctx context.Context) (int64, error)
	// kill frees what is left. It may be called again.
	kill()
}

var (
	inDirectory  = place{"Kymo", func(_ context.Context, dir string) (data, error) { return newDirectory(dir) }}
	inPostgres   = place{"Kymo on PostgreSQL", func(ctx context.Context, _ string) (data, error) { return newKymoPostgres(ctx) }}
	inClickHouse = place{"Kymo on ClickHouse", func(ctx context.Context, _ string) (data, error) { return newKymoClickHouse(ctx) }}
)

// directory is a place of the hub alone.
type directory string

func newDirectory(dir string) (directory, error) {
	path := filepath.Join(dir, "data")
	return directory(path), os.Mkdir(path, 0o700)
}

func (f directory) store() string                { return string(f) }
func (f directory) settle(context.Context) error { return nil }
func (f directory) kill()                        {} // it is in the hub's directory

// size leaves out the file that a hub frees when the disk is full: it has 16 MiB however
// much is kept.
func (f directory) size(context.Context) (int64, error) {
	size, err := directorySize(string(f))
	if err != nil {
		return 0, err
	}
	reserve, err := os.Stat(filepath.Join(string(f), "BALLAST"))
	if errors.Is(err, os.ErrNotExist) {
		return size, nil
	}
	if err != nil {
		return 0, err
	}
	return size - reserve.Size(), nil
}

// kymoPostgres is a PostgreSQL server for a hub.
type kymoPostgres struct{ *postgresServer }

func newKymoPostgres(ctx context.Context) (*kymoPostgres, error) {
	s, err := startPostgres(ctx, 1)
	if err != nil {
		return nil, err
	}
	if _, err := s.pool.Exec(ctx, "CREATE DATABASE kymo"); err != nil {
		s.kill()
		return nil, wrap("make a database", err)
	}
	return &kymoPostgres{s}, nil
}

func (p *kymoPostgres) store() string { return p.url("kymo") }

// settle has PostgreSQL do what it would do by itself within minutes.
func (p *kymoPostgres) settle(ctx context.Context) error {
	conn, err := p.connect(ctx, "kymo")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "VACUUM ANALYZE")
	return wrap("vacuum PostgreSQL", err)
}

func (p *kymoPostgres) size(ctx context.Context) (size int64, err error) {
	err = p.pool.QueryRow(ctx, "SELECT pg_database_size('kymo') - pg_database_size('template1')").Scan(&size)
	return size, wrap("measure PostgreSQL's database", err)
}
