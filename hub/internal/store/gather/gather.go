// Package gather writes many calls of Append at once, for engines whose writes cost
// the same for one batch as for hundreds.
//
// A call is queued; a writer takes all calls that are queued as a group and writes
// it, while the next ones queue up; each caller gets its answer. A group that failed
// for a reason that may pass is held and tried again for a while, so that senders
// do not notice when a database is restarted.
package gather

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Call is one call of Append, as the engine's writer sees it.
type Call struct {
	Batches []*wire.Batch
	// Fresh is the answer: for each batch, whether it was new. What an earlier
	// attempt left there stays: an attempt whose outcome is not known may have
	// kept the batch, and then it was new.
	Fresh []bool

	ctx  context.Context
	size int64 // see requests
	err  error
	done chan struct{}
	// taken is set by the one that decides first: the writer that takes the call, or
	// the caller that leaves.
	taken atomic.Bool
}

// Fail gives one call of a group an error of its own.
func (c *Call) Fail(err error) { c.err = err }

// Failed reports whether the call was given an error of its own: nothing of it is
// to be written any more.
func (c *Call) Failed() bool { return c.err != nil }

// Config configures a Gatherer.
type Config struct {
	// Write makes a group of calls durable, all or none of them, or returns an
	// error. It is called again with the same group after an error that is
	// store.ErrUnavailable, until Hold is over, but for calls that Failed: they
	// are answered with their own error.
	Write func(ctx context.Context, group []*Call) error
	// Writers is how many groups may be written at once; 1 if 0.
	Writers int
	// Requests is how many requests a group holds at most, as long as a single
	// call does not hold more.
	Requests int
	// Pace is the minimum time between the beginnings of two groups of a writer,
	// unless Enough requests wait. For engines that want few large writes.
	Pace   time.Duration
	Enough int
	// Hold is how long a group is retried, and Limit how long a write may take.
	Hold, Limit time.Duration
}

// pauses between two attempts.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = time.Second
)

// Gatherer collects calls of Append into groups and has them written.
type Gatherer struct {
	config  Config
	calls   chan *Call
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	closing chan struct{}
	writers sync.WaitGroup

	close   sync.Once
	mu      sync.RWMutex // held by callers while they queue
	closed  bool
	waiting atomic.Int64 // calls that are not answered yet
	size    atomic.Int64 // how many requests a group may hold at present
	trouble atomic.Pointer[error]
}

// New starts a gatherer.
func New(config Config) *Gatherer {
	g := &Gatherer{config: config, calls: make(chan *Call, 1024), closing: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.size.Store(int64(config.Requests))
	for range max(1, config.Writers) {
		g.writers.Go(g.write)
	}
	return g
}

// Append does what store.Store asks of Append, with the writer of the Config.
func (g *Gatherer) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, b := range batches {
		if b.Kind != wire.Kept {
			return nil, wire.ErrMalformed
		}
	}
	c := &Call{Batches: batches, Fresh: make([]bool, len(batches)), ctx: ctx, size: requests(batches), done: make(chan struct{})}
	g.waiting.Add(1)
	defer g.waiting.Add(-1)
	if err := g.queue(c); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.taken.CompareAndSwap(false, true) {
			return nil, ctx.Err()
		}
		<-c.done // the writer reads the batches
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.Fresh, nil
}

func (g *Gatherer) queue(c *Call) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return store.ErrClosed
	}
	select {
	case g.calls <- c:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-g.closing:
		return store.ErrClosed
	}
}

// requests is what a call counts for in a group; a batch without any counts, too.
// It is asked once, before the call is queued: the batches of a caller that has
// left are not to be read.
func requests(batches []*wire.Batch) int64 {
	n := 0
	for _, b := range batches {
		n += b.Len() + 1
	}
	return int64(n)
}

// Waiting returns how many calls are not answered yet.
func (g *Gatherer) Waiting() int { return int(g.waiting.Load()) }

// Trouble returns why the last write failed, nil if it did not.
func (g *Gatherer) Trouble() error {
	if err := g.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// Shrink halves the groups from the next one on: the engine has no time for
// larger ones. They grow again as writes succeed.
func (g *Gatherer) Shrink() {
	const minRequests = 256
	g.size.Store(max(minRequests, g.size.Load()/2))
}

// patience is how long Close waits for an engine that does not answer.
const patience = 5 * time.Second

// Close answers what waits, and ends the writers: no call is begun that was not
// queued before.
func (g *Gatherer) Close() {
	g.close.Do(func() {
		defer time.AfterFunc(patience, g.cancel).Stop()
		close(g.closing) // callers that wait for room in the queue hold the lock
		g.mu.Lock()
		g.closed = true
		close(g.calls)
		g.mu.Unlock()
		g.writers.Wait()
		g.cancel()
	})
}

// write writes groups until there are no more calls.
func (g *Gatherer) write() {
	var left *Call // taken from the queue, and too large for the group before
	var next time.Time
	for {
		c := left
		if c == nil {
			var ok bool
			if c, ok = <-g.calls; !ok {
				return
			}
		}
		var group []*Call
		group, left = g.group(c, next)
		next = time.Now().Add(g.config.Pace)
		if len(group) > 0 {
			g.attempt(group)
		}
	}
}

// group takes what else is queued, and what comes until the instant, up to the
// size of a group; left is the call that no longer fits.
func (g *Gatherer) group(c *Call, until time.Time) (group []*Call, left *Call) {
	size, room := int64(0), g.size.Load()
	for {
		n := c.size
		if len(group) > 0 && size+n > room {
			return group, c
		}
		if c.taken.CompareAndSwap(false, true) {
			group = append(group, c)
			size += n
		}
		if c = g.nextCall(until, size < int64(g.config.Enough)); c == nil {
			return group, nil
		}
	}
}

// nextCall takes a call from the queue. If there is none it waits for one until
// the instant, if it may; nil if none came.
func (g *Gatherer) nextCall(until time.Time, wait bool) *Call {
	select {
	case c := <-g.calls: // nil once closed
		return c
	default:
	}
	pause := time.Until(until)
	if !wait || pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case c := <-g.calls:
		return c
	case <-timer.C:
		return nil
	}
}

// attempt writes a group, with retries if necessary, and answers its calls. It does not
// use package retry: whether to try again is decided for each call, and Close cuts the
// pause short.
func (g *Gatherer) attempt(group []*Call) {
	end := time.Now().Add(g.config.Hold)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		ctx, cancel := context.WithTimeout(g.ctx, g.config.Limit)
		err := g.config.Write(ctx, group)
		cancel()
		if err == nil {
			g.trouble.Store(nil)
			g.grow()
		} else {
			g.trouble.Store(&err)
		}
		tried := group
		group = group[:0:0]
		for _, c := range tried {
			if c.err == nil && err != nil && errors.Is(err, store.ErrUnavailable) && c.ctx.Err() == nil &&
				time.Now().Add(pause).Before(end) && !g.ending() {
				group = append(group, c)
				continue
			}
			if c.err == nil {
				c.err = err
			}
			close(c.done)
		}
		if len(group) == 0 {
			return
		}
		select {
		case <-time.After(pause):
		case <-g.closing:
		}
	}
}

func (g *Gatherer) ending() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

// grow undoes what Shrink did, slowly.
func (g *Gatherer) grow() {
	if size := g.size.Load(); size < int64(g.config.Requests) {
		g.size.Store(min(int64(g.config.Requests), size+size/8+1))
	}
}
