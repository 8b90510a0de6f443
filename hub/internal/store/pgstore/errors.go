package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kymohq/kymo/hub/internal/store"
)

// SQLSTATEs that mean something to the store
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	stateDiskFull      = "53100"
	stateQueryCanceled = "57014" // also by statement_timeout
	stateCheck         = "23514" // also when a row has no partition
)

// state returns an error's SQLSTATE, "" if the server did not say it.
func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// lost says whether an error means that a connection is gone, and not that the
// server did not like what it was asked.
func lost(err error) bool {
	code := state(err)
	return err != nil && (code == "" || strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P"))
}

// again asks a question, and once more if the connection was gone: the server
// was restarted while nobody asked, and the other connections are gone, too.
func (s *Store) again(ctx context.Context, ask func() error) error {
	err := ask()
	if lost(err) && ctx.Err() == nil && !s.closed.Load() {
		s.pool.Reset()
		err = ask()
	}
	return err
}

// classify names the errors that pass when something outside changes: all of
// them, as the statements are always the same.
func (s *Store) classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return store.ErrClosed
	case errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled):
		return err
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrUnavailable):
		return err
	case state(err) == stateDiskFull:
		return fmt.Errorf("%w: PostgreSQL: %w", store.ErrFull, s.redact(err))
	}
	return fmt.Errorf("%w: PostgreSQL: %w", store.ErrUnavailable, s.redact(err))
}

// redact takes the password out of an error, wherever it comes from.
func (s *Store) redact(err error) error { return redact(err, s.password) }

func redact(err error, password string) error {
	if err == nil {
		return nil
	}
	text := oneLine(err.Error())
	if password != "" {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return redacted{err, text}
}

// oneLine makes one line of what pgx says on one for each address and each kind
// of encryption that it tried, often the same.
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

// redacted is an error with another text.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }
