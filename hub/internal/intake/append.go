package intake

import (
	"context"
	"fmt"

	"github.com/kymohq/kymo/internal/wire"
)

// appender appends the batches of a body, and reports which are new.
type appender func(ctx context.Context, batches []*wire.Batch) (fresh []bool, err error)

// append appends batches that have an identity.
func (in *Intake) append(ctx context.Context, batches []*wire.Batch) (fresh []bool, err error) {
	fresh, err = in.store.Append(ctx, batches...)
	in.onAppend(ctx, len(batches), err)
	if err != nil {
		in.Counters.StoreFails.Add(1)
		return nil, fmt.Errorf("append: %w", err)
	}
	return fresh, nil
}

// appendAnonymous appends batches that have none, and get one of the hub's.
func (in *Intake) appendAnonymous(ctx context.Context, batches []*wire.Batch) (fresh []bool, err error) {
	in.identities.number(batches)
	if fresh, err = in.append(ctx, batches); err != nil {
		in.identities.restart()
	}
	return fresh, err
}
