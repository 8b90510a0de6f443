package api

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// ttl returns for how long an answer about a window of this length is cached.
// A dashboard that shows a week does not need its last seconds.
func ttl(length time.Duration) time.Duration {
	switch {
	case length <= time.Hour:
		return 2 * time.Second
	case length <= 24*time.Hour:
		return 5 * time.Second
	}
	return 15 * time.Second
}

// Limits on the number of cached answers and the bytes in each. Most have tens of
// kilobytes; a list of thousands of endpoints has some megabytes.
const (
	maxCached      = 64
	maxCachedBytes = 1 << 20
)

// cache keeps answers for a short time. Each is computed only once at a time:
// meanwhile, other lookups of the same key wait for it. The zero value
// is ready for use.
type cache struct {
	mu      sync.Mutex
	entries map[any]*entry
}

// entry is an answer that is being computed or has been.
type entry struct {
	done  chan struct{} // closed when value and err are set
	value any
	err   error

	expires time.Time // zero while it is being computed
	ttl     time.Duration
	waiting int // callers waiting for it; without any, the computation is canceled
	context context.Context
	cancel  context.CancelFunc
}

var errUnfinished = errors.New("the answer was not finished")

// lookup returns the cached value of a key, or computes it. Errors are not cached.
// When one caller leaves, the computation continues for the others.
func lookup[T any](ctx context.Context, c *cache, key any, now func() time.Time, ttl time.Duration, compute func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	e, mine := c.join(ctx, key, now(), ttl)
	stop := context.AfterFunc(ctx, func() { c.leave(key, e) })
	defer func() {
		if stop() {
			c.leave(key, e)
		}
	}()
	if mine {
		func() {
			defer func() { c.finish(key, e, now()) }() // also if compute panics
			value, err := compute(e.context)
			e.value, e.err = value, err
		}()
	} else {
		select {
		case <-e.done:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	if e.err != nil {
		return none, e.err
	}
	return e.value.(T), nil
}

// join returns the entry of a key, and whether the caller has to compute it.
func (c *cache) join(ctx context.Context, key any, now time.Time, ttl time.Duration) (e *entry, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[key]; e != nil && !e.expired(now) {
		e.waiting++
		return e, false
	}
	if c.entries == nil {
		c.entries = make(map[any]*entry)
	}
	c.evict(now)
	e = &entry{done: make(chan struct{}), err: errUnfinished, ttl: ttl, waiting: 1}
	e.context, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.entries[key] = e
	return e, true
}

// expired reports whether an entry was computed too long ago.
func (e *entry) expired(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// evict makes room for an entry: it deletes those that expired, and then, if there
// are still too many, any that is complete. Callers that wait for an entry hold it
// themselves.
func (c *cache) evict(now time.Time) {
	maps.DeleteFunc(c.entries, func(_ any, e *entry) bool { return e.expired(now) })
	for key, e := range c.entries {
		if len(c.entries) < maxCached {
			return
		}
		if !e.expires.IsZero() {
			delete(c.entries, key)
		}
	}
}

// finish wakes the callers waiting for the entry, and keeps it unless it is an
// error or too large.
func (c *cache) finish(key any, e *entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.expires = now.Add(e.ttl)
	if large, ok := e.value.(interface{ size() int }); e.err != nil || ok && large.size() > maxCachedBytes {
		c.forget(key, e)
	}
	close(e.done)
	e.cancel()
}

// leave notes that a caller no longer waits for the entry.
func (c *cache) leave(key any, e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.waiting--
	select {
	case <-e.done:
	default:
		if e.waiting == 0 {
			e.cancel()
			c.forget(key, e)
		}
	}
}

func (c *cache) forget(key any, e *entry) {
	if c.entries[key] == e {
		delete(c.entries, key)
	}
}
