package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A pooler may give each transaction another session of the server, and refuses
// settings when a connection begins. So nothing here relies on a session: every
// transaction begins with the settings that it needs, and every lock ends with one.

// session is how transactions begin.
type session struct {
	settings    map[string]string
	schema      string // quoted; statements outside of a transaction need it
	write, read string // the statements that begin a transaction
}

// atConnect are the settings that poolers let a client make when it connects.
var atConnect = []string{"application_name", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "options"}

// timeLimits are settings that a database or a role has for the sake of others. They
// would refuse what is to be stored, and a transaction here has a limit of its own.
var timeLimits = []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"}

// newSession takes from the configuration of connections the settings that
// transactions make instead.
func newSession(config *pgx.ConnConfig) *session {
	s := &session{settings: make(map[string]string)}
	for _, name := range timeLimits {
		s.settings[name] = "0"
	}
	for name, value := range config.RuntimeParams {
		if !slices.Contains(atConnect, strings.ToLower(name)) {
			s.settings[strings.ToLower(name)] = value
			delete(config.RuntimeParams, name)
		}
	}
	s.compose()
	return s
}

// compose makes the statements that begin transactions.
func (s *session) compose() {
	var sets []string
	for _, name := range slices.Sorted(maps.Keys(s.settings)) {
		sets = append(sets, fmt.Sprintf("set_config(%s, %s, true)", literal(name), literal(s.settings[name])))
	}
	set := "; SELECT " + strings.Join(sets, ", ")
	s.write = "BEGIN" + set
	s.read = "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ" + set
}

// literal returns a constant of SQL, whatever standard_conforming_strings is.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}

// settle completes the settings when the server is known. The schema is the first on
// the path from now on, even if another one, such as that of "$user", is created later.
func (s *session) settle(version int, schema, path string) {
	s.schema = pgx.Identifier{schema}.Sanitize()
	s.settings["search_path"] = s.schema + ", " + path
	if _, given := s.settings["transaction_timeout"]; version >= 170000 && !given {
		s.settings["transaction_timeout"] = "0"
	}
	s.compose()
}

// withConn calls f with a connection. It calls it again, with another connection, if a
// transaction of f came to nothing because beginning it took longer than a limit allows:
// the limits are lifted by the statements that begin it.
func (s *Store) withConn(ctx context.Context, f func(*pgxpool.Conn) error) error {
	once := func() error {
		conn, err := s.slots.acquire(ctx, s.pool)
		if err != nil {
			return err
		}
		defer s.slots.release(conn)
		return f(conn)
	}
	for tries := 1; ; tries++ {
		err := once()
		if tries == maxBegins || ctx.Err() != nil || !begunTooSlowly(err) {
			return err
		}
	}
}

// maxBegins is how often a transaction is begun: a server that is busy takes its time now
// and then, and one that always does is of no use.
const maxBegins = 10

// notBegunError is the error of a transaction that could not begin.
type notBegunError struct{ error }

func (e *notBegunError) Unwrap() error { return e.error }

func begunTooSlowly(err error) bool {
	_, notBegun := errors.AsType[*notBegunError](err)
	return notBegun && (state(err) == stateQueryCanceled || state(err) == stateTransactionTimeout)
}

// beginner marks the errors of transactions that could not begin.
type beginner struct{ conn *pgxpool.Conn }

func (b beginner) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	tx, err := b.conn.BeginTx(ctx, options)
	if err != nil {
		return nil, &notBegunError{err}
	}
	return tx, nil
}

// writing calls f in a transaction.
func (s *Store) writing(ctx context.Context, f func(pgx.Tx) error) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.writingWith(ctx, conn, f) })
}

func (s *Store) writingWith(ctx context.Context, conn *pgxpool.Conn, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, beginner{conn}, pgx.TxOptions{BeginQuery: s.session.write}, f)
}

// reading calls f in a transaction that sees one instant.
func (s *Store) reading(ctx context.Context, f func(pgx.Tx) error) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.readingWith(ctx, conn, f) })
}

func (s *Store) readingWith(ctx context.Context, conn *pgxpool.Conn, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, beginner{conn}, pgx.TxOptions{BeginQuery: s.session.read}, f)
}
