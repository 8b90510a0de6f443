package chstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/kymohq/kymo/hub/internal/store"
)

// classify names the errors that pass when something outside changes: all of
// them, as the statements are always the same.
func (s *Store) classify(ctx context.Context, err error) error {
	var refused *clickhouse.Exception
	switch {
	case err == nil:
		return nil
	case s.closed.Load():
		return store.ErrClosed
	case errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrUnavailable):
		return err
	case errors.As(err, &refused) && (refused.Code == notEnoughSpace || strings.Contains(refused.Message, "No space left on device")):
		return fmt.Errorf("%w: ClickHouse: %w", store.ErrFull, redact(err, s.password))
	}
	return fmt.Errorf("%w: ClickHouse: %w", store.ErrUnavailable, redact(err, s.password))
}

// stack is what servers add to their errors.
var stack = regexp.MustCompile(`\.? ?Stack trace:( \d+\. .*?\[0x[0-9a-f]+\])*`)

// redact takes the password out of an error, wherever it comes from, and makes
// one line of it.
func redact(err error, password string) error {
	if err == nil {
		return nil
	}
	text := stack.ReplaceAllString(strings.Join(strings.Fields(err.Error()), " "), "")
	if password != "" {
		text = strings.ReplaceAll(text, password, "xxxxx")
	}
	return redacted{err, text}
}

// redacted is an error with another text.
type redacted struct {
	error
	text string
}

func (r redacted) Error() string { return r.text }
func (r redacted) Unwrap() error { return r.error }
