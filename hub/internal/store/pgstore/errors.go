package pgstore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kymohq/kymo/hub/internal/store/remote"
)

// SQLSTATEs that mean something to the store
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	stateDiskFull      = "53100"
	stateQueryCanceled = "57014" // also by statement_timeout
	stateCheck         = "23514" // also when a row has no partition
	stateLockTimeout   = "55P03"
	stateOverlap       = "42P17" // of partitions
	stateReadOnly      = "25006"
	stateInvalidValue  = "22023"

	stateTransactionTimeout = "25P04"
	stateTooManyConnections = "53300"
)

// state returns an error's SQLSTATE, "" if it is not the server's.
func state(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// lost reports whether an error means that a connection was lost, rather than that
// the server refused a statement. One to a server that has become a standby leads
// nowhere either: the URL may name another one.
func lost(err error) bool {
	code := state(err)
	return err != nil && (code == "" || strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || code == stateReadOnly)
}

// again calls ask, and calls it once more with new connections if the connection was
// lost: after a restart of the server all of the old ones are.
func (s *Store) again(ctx context.Context, ask func() error) error {
	err := ask()
	if lost(err) && ctx.Err() == nil && !s.closed.Load() {
		s.pool.Reset()
		err = ask()
	}
	return err
}

// namedErrors returns the names of the server's errors.
func namedErrors(password string) remote.Errors {
	full := func(err error) bool { return state(err) == stateDiskFull }
	return remote.Errors{Server: "PostgreSQL", Password: password, OneLine: oneLine, Full: full}
}

func (s *Store) classify(ctx context.Context, err error) error {
	return s.errors.Classify(ctx, s.closed.Load(), err)
}

// oneLine joins the lines of pgx's text, one for each address and kind of encryption
// that it tried, and leaves out repetitions.
func oneLine(text string) string {
	head, rest, _ := strings.Cut(text, "\n")
	var lines []string
	for line := range strings.SplitSeq(rest, "\n") {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.TrimSpace(head + " " + strings.Join(lines, "; "))
}

// explained returns an error of Open with what to do about it, where that is not plain.
func explained(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "statement pooling mode"):
		return advise("the pooler is in statement mode, which has no transactions; set pool_mode to transaction or session, or connect without it")
	case tooMany(err):
		return advise("the server accepts no more connections at present (%s); %s", message(err), need)
	case state(err) == stateInvalidValue && strings.Contains(text, `"search_path"`):
		return advise("%s; write a schema with a space or a capital letter in quotes: ?search_path=%%22on%%20call%%22", message(err))
	}
	return err
}

// message returns what the server said, without its code.
func message(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Message
	}
	return err.Error()
}
