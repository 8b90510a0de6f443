package chstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// How long what takes long may take. All else has readTimeout, which the driver
// gives to the whole of an answer, however steadily it comes.
const (
	answerWithin = time.Hour // for who reads the answer, too
	sealWithin   = 10 * time.Minute
	guardEvery   = 5 * time.Second
	maxMissed    = 3 // signs of life, one after the other: one that is busy may miss some
)

var errSilent = errors.New("it no longer answers")

// within gives what a server is asked so long, and ends it as soon as the server
// answers nothing else either: one that hangs would be waited for as long. The
// caller ends it when it has the answer.
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
			if err == nil || errors.Is(err, clickhouse.ErrAcquireConnTimeout) { // we keep it busy ourselves
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

// why is an error of what a server was asked in the context that within made. That
// it took too long is no reason to ask another one: that would take as long.
func (n *node) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	if deadline, _ := ctx.Deadline(); timedOut(err) && !time.Now().Before(deadline) {
		return &onceError{fmt.Errorf("%s: %w", n.host, err)}
	}
	return err
}
