package kymo

import (
	"sync"
	"time"

	"github.com/kymohq/kymo/wire"
)

// parcel is an encoded batch on its way.
type parcel struct {
	bytes    []byte
	requests uint64
	made     time.Time
	drops    []wire.Drop // that it carries
	health   int         // results of checks that it carries
}

// parcelOverhead is about what a parcel takes beside its bytes: in a long outage
// of a quiet service, there are many small ones.
const parcelOverhead = 128

func (p *parcel) size() int { return len(p.bytes) + parcelOverhead }

// queue holds parcels in order, bounded in bytes. The first stays in it while it
// is being shipped. A full queue refuses the new parcel, never the first: that
// one may have been tried and be durable, and would be kept and counted as lost.
type queue struct {
	mu      sync.Mutex
	parcels []*parcel
	bytes   int
	limit   int
	closed  bool
	changed chan struct{} // tells the sender to look again
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, changed: make(chan struct{}, 1)}
}

// push says whether there was room. An empty queue takes a parcel of any size:
// it would never fit otherwise.
func (q *queue) push(p *parcel) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parcels) > 0 && q.bytes+p.size() > q.limit {
		return false
	}
	q.parcels = append(q.parcels, p)
	q.bytes += p.size()
	q.signal()
	return true
}

// close says that nothing will be pushed any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// head returns the first parcel, nil if there is none, and whether none can come.
func (q *queue) head() (p *parcel, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parcels) > 0 {
		p = q.parcels[0]
	}
	return p, q.closed
}

// pop removes the first parcel.
func (q *queue) pop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= q.parcels[0].size()
	q.parcels[0] = nil
	q.parcels = q.parcels[1:]
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// dropSpan is the precision with which drops remember when they happened.
const dropSpan = 10 * time.Second

// maxDropSpans bounds what is remembered; later drops join the last.
const maxDropSpans = 64

// drops counts the requests that were dropped and not yet reported to the hub.
// A count leaves it in one parcel, and comes back only if that is never tried or
// rejected, so the hub hears of each once.
type drops struct {
	mu      sync.Mutex
	service string
	spans   []wire.Drop
}

func (d *drops) add(at time.Time, count uint64) {
	if count == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ms := clamp(at.Truncate(dropSpan).UnixMilli(), wire.MaxStart)
	d.addSpan(wire.Drop{Service: d.service, At: ms, Count: count})
}

func (d *drops) addSpan(span wire.Drop) {
	for i := range d.spans {
		if d.spans[i].At == span.At {
			d.spans[i].Count += span.Count
			return
		}
	}
	if len(d.spans) == maxDropSpans {
		d.spans[maxDropSpans-1].Count += span.Count
		return
	}
	d.spans = append(d.spans, span)
}

// take removes and returns all counts.
func (d *drops) take() []wire.Drop {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.spans
	d.spans = nil
	return taken
}

// restore brings back counts that were taken.
func (d *drops) restore(taken []wire.Drop) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, span := range taken {
		d.addSpan(span)
	}
}
