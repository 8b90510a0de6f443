package kymo

import (
	"context"
	"fmt"
)

// Flush ships what was recorded before the call. It returns nil once all of it is
// durable in the hub or was dropped; Stats counts both. If ctx ends first, Flush
// returns an error that wraps ctx's cause, and the requests are shipped later.
//
// If the hub is unreachable, Flush tries at once, and then again until ctx ends. A
// Flush during Close returns when Close does; after Close it returns the same as
// Close.
func (m *Monitor) Flush(ctx context.Context) error {
	select {
	case <-m.closed:
		return m.closeErr
	default:
	}
	if ctx.Err() != nil {
		return m.unflushed(ctx)
	}
	m.waiting.resolve(false)
	requests := m.shipper.collector.flushes // nil once the request was made
	reply := make(flushRequest, 1)
	var settled <-chan struct{} // nil until the collector replied
	for {
		select {
		case requests <- reply:
			requests = nil
		case settled = <-reply:
			m.shipper.queue.hurryUp()
		case <-settled:
			return nil
		case <-m.closed:
			return m.closeErr
		case <-ctx.Done():
			return m.unflushed(ctx)
		}
	}
}

func (m *Monitor) unflushed(ctx context.Context) error {
	return fmt.Errorf("kymo: %d requests are not shipped yet: %w", m.Stats().Pending, context.Cause(ctx))
}
