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

// Codes of ClickHouse's errors (src/Common/ErrorCodes.cpp).
const (
	unknownTable    = 60
	unknownDatabase = 81

	cannotAllocateMemory       = 173
	tooManySimultaneousQueries = 202
	socketTimeout              = 209
	networkError               = 210
	noZooKeeper                = 225
	aborted                    = 236
	memoryLimitExceeded        = 241
	tableIsReadOnly            = 242
	notEnoughSpace             = 243
	tooManyParts               = 252
	tooFewLiveReplicas         = 285
	unknownStatusOfInsert      = 319
	queryWasCancelled          = 394 // the server is being stopped, for one
	cannotScheduleTask         = 439
	keeperException            = 999
)

// elsewhere says whether another server may do what this one cannot: it did not
// answer, or is no good at present. What the server did not like as such, the
// others would not like either.
func elsewhere(err error) bool {
	var refused *clickhouse.Exception
	var once *onceError
	if errors.As(err, &once) {
		return false
	}
	if errors.Is(err, errNoTables) {
		return true
	}
	if !errors.As(err, &refused) {
		return err != nil && !errors.Is(err, store.ErrVersion)
	}
	switch refused.Code {
	case cannotAllocateMemory, tooManySimultaneousQueries, socketTimeout, networkError, noZooKeeper, aborted, memoryLimitExceeded,
		tableIsReadOnly, notEnoughSpace, tooManyParts, tooFewLiveReplicas, unknownStatusOfInsert, queryWasCancelled, cannotScheduleTask,
		keeperException:
		return true
	}
	return false
}

// onceError is of something that may have been done and is not to be done twice.
type onceError struct{ error }

func (e *onceError) Unwrap() error { return e.error }

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
