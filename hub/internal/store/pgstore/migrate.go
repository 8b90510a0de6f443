package pgstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/kymohq/kymo/hub/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable lists the migrations that were applied.
const versionTable = "kymo_schema_version"

// minServer is the server_version_num of the oldest PostgreSQL that can detach a
// partition while others read.
const minServer = 140000

// migrate creates the tables, or migrates those of an earlier version. An advisory
// lock lets one hub at a time do so.
func migrate(ctx context.Context, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*config)
	defer db.Close()
	lock, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := checkServer(ctx, lock); err != nil {
		return err
	}
	if _, err := lock.ExecContext(ctx, `SELECT pg_advisory_lock(`+lockKey+`)`, "migrate"); err != nil {
		return err
	}
	// Closing the connection would release the lock, but not through a pooler.
	defer func() { _, _ = lock.ExecContext(ctx, `SELECT pg_advisory_unlock(`+lockKey+`)`, "migrate") }()
	if err := checkTables(ctx, lock); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > target {
		return fmt.Errorf("%w: the tables have version %d, this program expects %d", store.ErrVersion, current, target)
	}
	_, err = p.Up(ctx)
	return err
}

// lockKey is the expression for the key of an advisory lock with the name $1. It
// depends on the schema, since such keys belong to the whole database, and several of
// its schemas may have a Kymo.
const lockKey = `hashtextextended('kymo/' || current_schema() || '/' || $1, 0)`

// checkServer returns why the server cannot be used, or nil.
func checkServer(ctx context.Context, conn *sql.Conn) error {
	var version int
	var readable, encoding string
	var schema sql.NullString
	if err := conn.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		current_setting('server_encoding'), current_schema()`).Scan(&version, &readable, &encoding, &schema); err != nil {
		return err
	}
	switch {
	case version < minServer:
		return fmt.Errorf("it is PostgreSQL %s; use 14 or newer", readable)
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s; use one with the encoding UTF8", encoding)
	case !schema.Valid:
		return errors.New("no schema on the search path exists; create one")
	}
	return nil
}

// checkTables returns an error if a table of the same name belongs to another program:
// it must not be touched.
func checkTables(ctx context.Context, conn *sql.Conn) error {
	var ours bool
	var theirs sql.NullString
	if err := conn.QueryRowContext(ctx, `SELECT to_regclass(quote_ident(current_schema()) || '.`+versionTable+`') IS NOT NULL,
		(SELECT relname FROM pg_class WHERE relname IN ('api_metrics', 'service_health') AND relnamespace = current_schema()::regnamespace LIMIT 1)`,
	).Scan(&ours, &theirs); err != nil {
		return err
	}
	if !ours && theirs.Valid {
		return fmt.Errorf("there is a table %s that Kymo did not make; rename it, or give Kymo a schema of its own: "+
			"CREATE SCHEMA kymo, and ?search_path=kymo at the end of the URL", theirs.String)
	}
	return nil
}
