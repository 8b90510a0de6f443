package hub

import (
	"context"
	"sync"
)

// door counts who is in and, once closed, lets nobody else in. A WaitGroup
// alone will not do: its Add must not race with its Wait.
type door struct {
	mu     sync.Mutex
	closed bool
	in     int
	empty  chan struct{} // closed when the last one has left a closed door
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.in++
	return true
}

func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in--
	if d.closed && d.in == 0 {
		close(d.empty)
	}
}

// close says whether it was this call that closed the door.
func (d *door) close() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed = true
	d.empty = make(chan struct{})
	if d.in == 0 {
		close(d.empty)
	}
	return true
}

// wait returns when everybody has left a closed door.
func (d *door) wait(ctx context.Context) error {
	select {
	case <-d.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
