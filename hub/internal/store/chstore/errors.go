package chstore

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/remote"
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
	queryWasCancelled          = 394 // for example because the server is shutting down
	cannotScheduleTask         = 439
	keeperException            = 999
)

// elsewhere reports whether another server may be able to do what this one could not,
// because it did not answer or is in trouble. A query that a server rejects as such
// would be rejected by the others too.
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

// onceError is the error of an action that may have been done and must not be repeated.
type onceError struct{ error }

func (e *onceError) Unwrap() error { return e.error }

// namedErrors returns how errors of servers are described.
func namedErrors(password string) remote.Errors {
	return remote.Errors{Server: "ClickHouse", Password: password, OneLine: oneLine, Full: full}
}

func full(err error) bool {
	var refused *clickhouse.Exception
	return errors.As(err, &refused) && (refused.Code == notEnoughSpace || strings.Contains(refused.Message, "No space left on device"))
}

func (s *Store) classify(ctx context.Context, err error) error {
	return s.errors.Classify(ctx, s.closed.Load(), err)
}

// stack matches the stack traces that servers add to their errors.
var stack = regexp.MustCompile(`\.? ?Stack trace:( \d+\. .*?\[0x[0-9a-f]+\])*`)

func oneLine(text string) string {
	return stack.ReplaceAllString(strings.Join(strings.Fields(text), " "), "")
}
