package kymo

import (
	"context"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

const collectEvery = time.Second

// collector drains the recorder's buffers, encodes the records and puts the
// batches into the queue. Everything but what it shares with others (recorder,
// health, queue, drops, stats) belongs to the goroutine of run.
type collector struct {
	recorder *recorder
	encoder  *encoder
	spare    buffer // given to the next shard that is drained
	held     uint64 // requests that were drained and are not in a batch yet
	health   *wire.HealthLog
	queue    *queue
	drops    *drops
	stats    *stats
	flushes  chan flushRequest
	late     func() // records requests that have waited long for their status
}

// flushRequest asks the collector to drain at once. What the collector sends is
// closed when all that it found has left the queue.
type flushRequest chan (<-chan struct{})

// run collects until the monitor stops, and then what is left. It closes the queue
// when no batch can follow. Its ticker is its own: the hub's loop is of another module.
func (c *collector) run(p *phases) {
	defer c.queue.close()
	c.stats.logWrongOptions()
	ticker := time.NewTicker(collectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.recorder.wake:
			c.guard(func() { c.drain(c.spare, false) })
		case <-ticker.C:
			c.guard(c.late)
			c.guard(func() { c.drain(c.spare, true) })
			c.guard(func() { c.collectHealth(false) })
		case reply := <-c.flushes:
			c.guard(func() { c.drain(c.spare, true) })
			c.guard(func() { c.collectHealth(false) })
			reply <- c.queue.emptied()
		case <-p.stopping:
			c.finish(p.ending)
			return
		}
	}
}

// finish closes the recorder and collects what it holds. The counts of what
// found no room in the queue are collected when the queue has been emptied.
func (c *collector) finish(ctx context.Context) {
	c.guard(func() { c.drain(buffer{}, true) })
	c.guard(func() { c.collectHealth(true) })
	select {
	case <-c.queue.emptied():
		c.guard(func() { c.enqueue(time.Now()) })
	case <-ctx.Done():
	}
}

// guard contains a panic of f. The requests in hand are dropped and counted.
func (c *collector) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			c.stats.panicked("collecting", v)
			c.drop(time.Now(), wire.Failed, c.held)
			c.held = 0
			c.encoder.reset()
			c.spare = c.recorder.newBuffer() // the old one may belong to a shard now
		}
	}()
	f()
}

// drain empties all shards: the first gets the empty buffer, and each other its
// predecessor's. It enqueues full batches, and the last one only if all is set.
// An empty buffer without memory closes all shards.
func (c *collector) drain(empty buffer, all bool) {
	closing := empty.records == nil
	for i := range c.recorder.shards {
		full, dropped := c.recorder.shards[i].take(empty)
		now := time.Now()
		c.held += uint64(full.n)
		c.drops.add(now, wire.BufferFull, dropped)
		c.encode(&full, now)
		full.clear()
		if !closing {
			empty = full
			c.spare = full
		}
	}
	if all {
		c.enqueue(time.Now())
	}
}

func (c *collector) encode(b *buffer, now time.Time) {
	offset := c.encoder.offset(now)
	for i := range b.records[:b.n] {
		c.encoder.add(b, &b.records[i], offset)
		if c.encoder.builder.Len() == maxBatch {
			c.enqueue(now)
		}
	}
}

// enqueue puts what the encoder holds and the drops into the queue. Drops with reasons get
// a batch of their own, so that a hub that cannot read them loses no requests.
func (c *collector) enqueue(now time.Time) {
	requests := uint64(c.encoder.builder.Len())
	if requests == 0 && c.stats.rejectedSince(now.Add(-maxBackoff)) {
		return // what was rejected a moment ago would be rejected again
	}
	if requests > 0 && c.drops.withReasons(now) {
		if !c.push(now, requests, nil) {
			return
		}
		requests = 0
	}
	c.push(now, requests, c.drops.take())
}

// push puts what the encoder holds, with drops, into the queue, and reports whether there
// was room.
func (c *collector) push(now time.Time, requests uint64, drops []wire.Drop) bool {
	if requests == 0 && len(drops) == 0 {
		return true
	}
	b := &batch{data: c.encoder.take(c.drops.encodable(now, drops)), requests: requests, collected: now, drops: drops}
	c.held -= requests
	if c.queue.push(b) {
		c.encoder.keep()
		return true
	}
	c.drops.restore(drops)
	c.drop(now, wire.QueueFull, requests)
	return false
}

// drop counts requests that were drained and cannot be kept.
func (c *collector) drop(at time.Time, reason wire.DropReason, requests uint64) {
	c.drops.add(at, reason, requests)
	c.stats.addDropped(requests)
}

// collectHealth enqueues the results of checks that are due, or all of them. They
// get batches of their own, so that a hub that cannot read them loses no requests.
func (c *collector) collectHealth(all bool) {
	for {
		results := c.health.Take(all)
		if len(results) == 0 {
			return
		}
		b := &batch{data: c.encoder.health(results), collected: time.Now(), health: len(results)}
		if c.queue.push(b) {
			c.encoder.keep()
		} else {
			c.stats.addHealthDropped(len(results))
		}
	}
}
