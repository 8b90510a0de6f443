package kymo

import (
	"context"
	"fmt"
	"time"
)

// closeTime bounds Close when its context has no deadline: a service must be
// able to stop while its hub is away.
const closeTime = 5 * time.Second

// Close ships what was recorded, tells the hub that this instance stops on purpose,
// and stops the monitor. It returns when that is done or ctx ends; without a deadline,
// ctx ends after 5 s. A sink that ignores its context, or a ctx that is canceled early,
// delays Close by up to 0.1 s more.
//
// If requests are left then, the error has their number; the hub may have received
// them nevertheless. After Close the middleware keeps serving, and drops what it would
// record. Further calls wait for the first and return the same.
func (m *Monitor) Close(ctx context.Context) error {
	m.closing.Do(func() {
		defer close(m.closed)
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, closeTime)
			defer cancel()
		}
		m.closeChecks(ctx)
		m.waiting.resolve(true)
		before := m.Stats()
		cause := m.shipper.stop(ctx)
		after := m.Stats()
		if lost := after.Pending + after.Dropped - before.Dropped; lost > 0 {
			m.closeErr = fmt.Errorf("kymo: %d requests could not be shipped", lost)
			if cause != nil {
				m.closeErr = fmt.Errorf("%w: %w", m.closeErr, cause)
			}
		}
	})
	<-m.closed
	return m.closeErr
}
