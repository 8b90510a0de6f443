package chstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Limits for queries that may take long. All others have readTimeout, which in the
// driver covers the whole answer, however steadily it arrives.
const (
	answerWithin = time.Hour // includes the time in which the caller reads the answer
	sealWithin   = 10 * time.Minute
	guardEvery   = 5 * time.Second
	maxMissed    = 3 // consecutive pings; a busy server may miss some
)

var errSilent = errors.New("the server stopped answering")

// within returns a context with a limit for a long query. It ends early if the server
// stops answering pings, since a server that hangs would otherwise be waited for until
// the limit. The caller cancels it when it has the answer.
func (n *node) within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, fail := context.WithCancelCause(ctx)
	ctx, end := context.WithTimeout(ctx, limit)
	go func() {
		for missed := 0; missed < maxMissed; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(guardEvery):
			}
			soon, cancel := context.WithTimeout(ctx, readTimeout)
			err := n.conn.Ping(soon)
			cancel()
			if err == nil || errors.Is(err, clickhouse.ErrAcquireConnTimeout) { // our own queries keep it busy
				missed = 0
			} else if missed++; missed == maxMissed {
				fail(fmt.Errorf("%w: %w", errSilent, err))
			}
		}
	}()
	return ctx, func() {
		end()
		fail(nil)
	}
}

// why returns the error of a query in a context made by within. A timeout is no reason
// to ask another server, which would take as long.
func (n *node) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	if deadline, _ := ctx.Deadline(); timedOut(err) && !time.Now().Before(deadline) {
		return &onceError{fmt.Errorf("%s: %w", n.host, err)}
	}
	return err
}
