package kymo

import (
	"context"
	"fmt"
)

// Flush ships what was recorded before the call. It returns nil once all of it is
// durable in the hub or was dropped, which Stats counts, and an error that wraps
// the cause of ctx's end if that comes first: the requests are shipped later then.
//
// If the hub is away, Flush has it tried at once, and then again until ctx is done.
// A Flush during Close ends with it; after Close, Flush returns what Close returned.
func (m *Monitor) Flush(ctx context.Context) error {
	select {
	case <-m.closed:
		return m.left
	default:
	}
	if ctx.Err() != nil {
		return m.unflushed(ctx)
	}
	m.waiting.resolve(false)
	requests := m.shipper.collector.flushes // nil once the request is made
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
			return m.left
		case <-ctx.Done():
			return m.unflushed(ctx)
		}
	}
}

func (m *Monitor) unflushed(ctx context.Context) error {
	return fmt.Errorf("kymo: %d requests are not shipped yet: %w", m.Stats().Pending, context.Cause(ctx))
}
