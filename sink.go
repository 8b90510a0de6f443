package kymo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Sink keeps batches. The hub is one, in the same process or over HTTP.
type Sink interface {
	// Ship keeps a batch in the format of wire.Batch.AppendBinary. Nil means
	// that the batch is durable, now or since an earlier call: after any error
	// but ErrRejected the same batch comes again. Calls do not overlap and come
	// in the order of the batches. The sink must not change batch, nor keep it
	// after it returned, and must return soon after ctx is done.
	Ship(ctx context.Context, batch []byte) error
}

// ErrRejected is what a Sink's error wraps when the batch will never be
// accepted: it is dropped and its requests are counted as such.
var ErrRejected = errors.New("batch rejected")

// attempt calls ship, which ships to a sink, with a time limit. It contains a panic:
// a sink is not our code.
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
