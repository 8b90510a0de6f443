package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/store/remote"
)

// minServer is the server_version_num of the oldest PostgreSQL that can detach a
// partition while others read.
const minServer = 140000

// server is what a store finds when it is opened.
type server struct {
	version            int
	readable, encoding string
	standby, readOnly  bool
	role               string // quoted
	path               string
	schema             *string // nil if there is none to use
	creates            *bool   // whether the role may create tables there
	owner              *string // quoted, of the tables if the role may not change them
}

// meet reads what the server is like, and returns an error if it cannot be used.
func (s *Store) meet(ctx context.Context) error {
	return s.reading(ctx, func(tx pgx.Tx) error {
		var is server
		if err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
			pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool,
			quote_ident(current_user), current_setting('search_path'), current_schema(), has_schema_privilege(`+ourSchema+`, 'CREATE'),
			(SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE relname = '`+versionTable+`' AND relnamespace = `+ourSchema+`
				AND NOT pg_has_role(relowner, 'USAGE'))`).Scan(&is.version, &is.readable, &is.encoding,
			&is.standby, &is.readOnly, &is.role, &is.path, &is.schema, &is.creates, &is.owner); err != nil {
			return err
		}
		if is.schema == nil && is.version >= minServer {
			return noSchema(ctx, tx, &is)
		}
		if err := is.check(); err != nil && !s.onlyReads {
			return err
		}
		s.session.settle(is.version, *is.schema, is.path)
		return nil
	})
}

// check returns why a server cannot be used, with what to do about it, or nil.
func (is *server) check() error {
	switch {
	case is.version < minServer:
		return advise("it is PostgreSQL %s; use 14 or newer", is.readable)
	case is.encoding != "UTF8":
		return advise("the database's encoding is %s; use one with the encoding UTF8", is.encoding)
	case is.standby:
		return advise("the server is a standby, which takes no writes; name its primary, or several hosts and target_session_attrs=read-write in the URL")
	case is.readOnly:
		return advise("the database is read-only for the role %s (default_transaction_read_only), as some providers make it when its disk is full; make it writable, or: "+
			"ALTER ROLE %s SET default_transaction_read_only = off", is.role, is.role)
	case is.owner != nil:
		return advise("the tables belong to the role %s; connect as that one, or let %s do what it may: GRANT %s TO %s", *is.owner, is.role, *is.owner, is.role)
	case !*is.creates:
		schema := pgx.Identifier{*is.schema}.Sanitize()
		return advise("the role %s may not create tables in the schema %s. As a superuser: GRANT USAGE, CREATE ON SCHEMA %s TO %s; "+
			"or, for a schema of its own: CREATE SCHEMA kymo AUTHORIZATION %s; and then add ?search_path=kymo to the URL", is.role, schema, schema, is.role, is.role)
	}
	return nil
}

// noSchema returns why there is no schema to use: none of the path exists, or the role
// may not use those that do.
func noSchema(ctx context.Context, tx pgx.Tx, is *server) error {
	rows, err := tx.Query(ctx, `SELECT nspname::text FROM pg_namespace ORDER BY nspname`)
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	wanted := schemaNames(is.path)
	for _, schema := range schemas {
		name := pgx.Identifier{schema}.Sanitize()
		switch {
		case slices.Contains(wanted, schema):
			return advise("the role %s may not use the schema %s. As its owner: GRANT USAGE, CREATE ON SCHEMA %s TO %s", is.role, name, name, is.role)
		case slices.ContainsFunc(wanted, func(w string) bool { return strings.EqualFold(strings.ReplaceAll(w, "+", " "), schema) }):
			return advise("no schema on the search path exists; %s does, and has to be written with quotes: ?search_path=%s", name, url.PathEscape(name))
		}
	}
	return advise("no schema on the search path exists; create one: CREATE SCHEMA")
}

// schemaNames returns the schemas on a search path. Names without quotes are in lower
// case for the server.
func schemaNames(path string) (names []string) {
	for name := range strings.SplitSeq(path, ",") {
		name = strings.TrimSpace(name)
		if quoted := strings.Trim(name, `"`); quoted != name {
			names = append(names, quoted)
		} else {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// need is how many connections a store needs: with one, a long export would keep all
// batches waiting.
const need = "Kymo needs 2, and 6 are better"

// needConns returns an error if the server does not allow a second connection.
func (s *Store) needConns(ctx context.Context) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error {
		var role, database string
		var ofRole, ofDatabase, ofServer int
		err := s.readingWith(ctx, conn, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `SELECT quote_ident(rolname), rolconnlimit, quote_ident(datname), datconnlimit, current_setting('max_connections')::int
				FROM pg_roles, pg_database WHERE rolname = session_user AND datname = current_database()`,
			).Scan(&role, &ofRole, &database, &ofDatabase, &ofServer)
		})
		if err != nil {
			return err
		}
		switch {
		case ofRole == 1:
			return advise("the role %s may have 1 connection; %s: ALTER ROLE %s CONNECTION LIMIT 6", role, need, role)
		case ofDatabase == 1:
			return advise("the database %s may have 1 connection; %s: ALTER DATABASE %s CONNECTION LIMIT 6", database, need, database)
		}
		second, err := s.second(ctx)
		switch {
		case err == nil:
			second.Release()
		case tooMany(err):
			return advise("the server has 1 connection left; %s. All programs together may have %d (max_connections); the role %s has the limit %d, the database %s %d, where -1 is none",
				need, ofServer, role, ofRole, database, ofDatabase)
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			return advise("a second connection gets no answer, as from a pooler in session mode whose pool has room for one; %s", need)
		}
		return err
	})
}

// second acquires a connection beside another one. It waits for a while: those of a hub
// that was killed end soon.
func (s *Store) second(ctx context.Context) (conn *pgxpool.Conn, err error) {
	for end := time.Now().Add(refusedFor); ; {
		conn, err = s.pool.Acquire(ctx)
		if !tooMany(err) || time.Now().After(end) {
			return conn, err
		}
		select {
		case <-time.After(refusedPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// advise returns an error whose text is for the user, as it is.
func advise(format string, args ...any) error {
	return remote.AdviceError(fmt.Sprintf(format, args...))
}
