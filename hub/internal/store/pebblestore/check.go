package pebblestore

import (
	"cmp"
	"context"
	"fmt"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Check implements store.Checker. It reads memory alone. What was lost is reported until
// the store is opened again.
func (s *Store) Check(context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.closed:
		return store.ErrClosed
	case s.failure != nil:
		return classify(s.failure)
	case s.refused != nil:
		return s.refused
	case s.unmended != nil || s.unclosed != nil:
		return health.Degradedf("%w: %w; stop the hub and run: kymo repair %s", store.ErrDamaged, cmp.Or(s.unmended, s.unclosed), s.dir)
	case len(s.lostNow) > 0:
		more := ""
		if n := len(s.lostNow) - 1; n > 0 {
			more = fmt.Sprintf(" (and %d more, in the log)", n)
		}
		return health.Degradedf("a damaged part of the store was set aside; lost: %s%s", s.lostNow[0].describe(), more)
	}
	return nil
}
