package kymo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink takes a Monitor's batches. A hub is one, in the same process or over HTTP.
type Sink interface {
	// Ship stores an encoded batch, in the format of POST /api/v1/batches. It
	// returns nil once the batch is durable, also if an earlier call stored it:
	// after any error other than ErrRejected, the same batch comes again. A monitor
	// makes one call at a time, in the order of its batches.
	//
	// Ship must not change batch or keep it after it returns, and must return soon
	// after ctx is done.
	Ship(ctx context.Context, batch []byte) error
}

// ErrRejected is wrapped by the error of a Sink that will never accept the batch. The
// batch is then dropped, and its requests are counted as dropped.
var ErrRejected = errors.New("batch rejected")

// attempt calls ship with a time limit. It recovers from panics, since a sink is
// foreign code. task is for the log.
func attempt(ctx context.Context, limit time.Duration, stats *stats, task string, ship func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			stats.panicked(task, v)
			err = fmt.Errorf("the sink panicked: %v", v)
		}
	}()
	return ship(ctx)
}
