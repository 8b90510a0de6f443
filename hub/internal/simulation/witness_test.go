package simulation

import (
	"context"

	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/internal/wire"
)

// witness is the store as the hub sees it. It tells the model what the store is given,
// and what it answers.
type witness struct {
	*pebblestore.Store
	w    *world
	disk *disk
}

func (s *witness) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	attempts := make([]attempt, len(batches))
	for i, b := range batches {
		attempts[i] = s.w.model.given(b, s.w.screened)
	}
	fresh, err := s.Store.Append(ctx, batches...)
	crashed := s.disk.crashed()
	for i, a := range attempts {
		s.w.model.answered(a, err == nil && fresh[i], err, crashed, s.w.truth())
	}
	return fresh, err
}
