package core

import (
	"context"
	"sync"
)

// drain counts the requests in flight and, once closed, lets no more in. A WaitGroup
// alone is not enough: its Add must not race with its Wait.
type drain struct {
	mu       sync.Mutex
	closed   bool
	inFlight int
	empty    chan struct{} // closed when the last request has left a closed drain
}

// enter reports whether a request is let in. If it is, the request must call leave.
func (d *drain) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.inFlight++
	return true
}

func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inFlight--
	if d.closed && d.inFlight == 0 {
		close(d.empty)
	}
}

// close reports whether it was this call that closed the drain.
func (d *drain) close() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed = true
	d.empty = make(chan struct{})
	if d.inFlight == 0 {
		close(d.empty)
	}
	return true
}

// wait returns when no request is left in a closed drain.
func (d *drain) wait(ctx context.Context) error {
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
