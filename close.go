package kymo

import (
	"context"
	"fmt"
	"time"
)

// closeTime bounds Close when its context has no deadline: a service must be
// able to stop while its hub is away.
const closeTime = 5 * time.Second

// Close ships what was recorded and stops the monitor. It takes until ctx is
// done, or 5 s if ctx has no deadline; if requests are left then, which the hub
// may have all the same, the error says how many. The middleware goes on serving
// and drops what it would have recorded. Further calls wait for the first and return the
// same.
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
			m.left = fmt.Errorf("kymo: %d requests could not be shipped", lost)
			if cause != nil {
				m.left = fmt.Errorf("%w: %w", m.left, cause)
			}
		}
	})
	<-m.closed
	return m.left
}
