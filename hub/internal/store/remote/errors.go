// Package remote has what the stores in servers share: a server's errors become
// those of package store, without the password (Errors), and what several hubs
// pruned is followed (Floor).
package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Errors names the errors of a server. All fields are optional.
type Errors struct {
	Server   string                   // the product, such as "PostgreSQL"
	Password string                   // taken out of every error
	OneLine  func(text string) string // makes one line of a text
	Full     func(error) bool         // reports whether the server's disk is full
}

// Classify returns an error of package store for what passes when something
// outside changes. That is every error, as the statements are always the same. An
// error of a store that is closed is ErrClosed.
func (e *Errors) Classify(ctx context.Context, closed bool, err error) error {
	switch {
	case err == nil:
		return nil
	case closed:
		return store.ErrClosed
	case errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrUnavailable):
		return err
	case e.Full != nil && e.Full(err):
		return fmt.Errorf("%w: %s: %w", store.ErrFull, e.Server, e.Redact(err))
	}
	return fmt.Errorf("%w: %s: %w", store.ErrUnavailable, e.Server, e.Redact(err))
}

// Redact takes the password out of an error's text, wherever it comes from, and
// makes one line of it. What the error wraps stays, and so does AdviceError.
func (e *Errors) Redact(err error) error {
	if err == nil || errors.As(err, new(AdviceError)) {
		return err
	}
	text := err.Error()
	if e.OneLine != nil {
		text = e.OneLine(text)
	}
	if e.Password != "" {
		text = strings.ReplaceAll(text, e.Password, "xxxxx")
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
