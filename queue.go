package kymo

import (
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// batch is an encoded wire.Batch, and what must be counted when it arrives or is lost.
type batch struct {
	data      []byte
	requests  uint64
	collected time.Time
	drops     []wire.Drop // that it carries
	health    int         // results of checks that it carries

	left chan struct{} // closed when it leaves the queue; nil if nothing waits for that
}

// batchOverhead is about how much memory a batch takes in addition to its bytes. It matters in a
// long outage of a quiet service, which has many small batches.
const batchOverhead = 128

func (b *batch) size() int { return len(b.data) + batchOverhead }

// queue is all that the collector and the sender share: batches in order, bounded in
// bytes. The first stays in it while it is being shipped. A full queue refuses the new
// batch rather than drop the first, which may be durable already and would then be
// counted as lost.
type queue struct {
	mu      sync.Mutex
	batches []*batch
	bytes   int
	limit   int
	closed  bool
	changed chan struct{} // tells the sender that the queue has changed
	hurry   chan struct{} // tells the sender not to wait for the next attempt
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, changed: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// push appends b and reports whether there was room. An empty queue takes a batch of any
// size, which would never fit otherwise.
func (q *queue) push(b *batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) > 0 && q.bytes+b.size() > q.limit {
		return false
	}
	q.batches = append(q.batches, b)
	q.bytes += b.size()
	signal(q.changed)
	return true
}

// close ends the queue: nothing will be pushed any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	signal(q.changed)
}

// hurryUp asks for the next attempt to be made at once.
func (q *queue) hurryUp() { signal(q.hurry) }

// signal puts a token into a channel that has room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there already is one
	}
}

// head returns the first batch, or nil if there is none, and whether the queue is
// closed.
func (q *queue) head() (b *batch, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) > 0 {
		b = q.batches[0]
	}
	return b, q.closed
}

// pop removes the first batch, whose fate is known and counted.
func (q *queue) pop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.batches[0]
	q.bytes -= b.size()
	q.batches[0] = nil
	q.batches = q.batches[1:]
	if b.left != nil {
		close(b.left)
	}
}

// emptied returns a channel that is closed when all batches that are in the queue
// now have left it.
func (q *queue) emptied() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		empty := make(chan struct{})
		close(empty)
		return empty
	}
	last := q.batches[len(q.batches)-1]
	if last.left == nil {
		last.left = make(chan struct{})
	}
	return last.left
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
