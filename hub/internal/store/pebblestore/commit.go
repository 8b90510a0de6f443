package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// groupBytes is the size up to which calls are written and synced together.
const groupBytes = 4 << 20

// appendCall is one call of Append, on its way through the committer.
type appendCall struct {
	batches []*wire.Batch
	records [][]byte // each batch as a journal record
	fresh   []bool
	err     error
	done    chan struct{}
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, b := range batches {
		if b.Kind != wire.Kept {
			return nil, fmt.Errorf("%w: it is a heartbeat, which is not kept", wire.ErrMalformed)
		}
	}
	call := &appendCall{
		batches: batches,
		records: make([][]byte, len(batches)),
		fresh:   make([]bool, len(batches)),
		done:    make(chan struct{}),
	}
	for i, b := range batches {
		call.records[i] = appendRecord(make([]byte, 0, 4096+20*b.Len()), b.AppendBinary)
		if size := len(call.records[i]) - recordHeader; size > wire.MaxBytes {
			// Replaying the journal would fail: it refuses longer records.
			return nil, fmt.Errorf("%w: a batch of %d bytes; at most %d", wire.ErrMalformed, size, wire.MaxBytes)
		}
	}
	select {
	case s.calls <- call:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, store.ErrClosed
	}
	// From here on the batches may be kept, even if the context is canceled.
	select {
	case <-call.done:
	case <-s.done:
		select {
		case <-call.done:
		default:
			return nil, store.ErrClosed
		}
	}
	if call.err != nil {
		return nil, call.err
	}
	return call.fresh, nil
}

// group returns the call and those queued behind it, up to groupBytes.
func (c *committer) group(call *appendCall) []*appendCall {
	group, size := []*appendCall{call}, 0
	for {
		for _, r := range group[len(group)-1].records {
			size += len(r)
		}
		if size >= groupBytes {
			return group
		}
		select {
		case next := <-c.calls:
			group = append(group, next)
		default:
			return group
		}
	}
}

// commit makes a group durable, adds it to memory and answers its callers.
func (c *committer) commit(group []*appendCall) {
	c.admit(group)
	if len(c.records) > 0 {
		err := c.checkRoom(len(c.records))
		if err == nil {
			err = c.journal.write(c.records)
		}
		if err != nil {
			err = fmt.Errorf("write the journal: %w", classify(err))
			for _, call := range group {
				call.err = err
			}
		}
		c.refuse(err)
		if c.failed != nil && c.segmentFull() {
			_ = c.journal.rotate() // otherwise the segment goes on
		}
	}
	now := c.latest()
	c.mu.Lock()
	for _, call := range group {
		for i, b := range call.batches {
			if call.fresh[i] && call.err == nil {
				c.recent.add(b, c.series, c.identities, now)
			}
		}
	}
	c.mu.Unlock()
	for _, call := range group {
		close(call.done)
	}
}

// refuse notes why the last batches were refused, or nil if they were not.
func (c *committer) refuse(err error) {
	if errors.Is(err, store.ErrFull) {
		c.snapshots.end(store.ErrFull)
	}
	if err == nil && c.refused == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = err
}

// admit determines which batches of the group are new, and collects their records.
func (c *committer) admit(group []*appendCall) {
	c.records = c.records[:0]
	clear(c.pending)
	for _, call := range group {
		if c.recent.len() >= c.ceiling {
			call.err = fmt.Errorf("memory holds all it can until the disk takes it: %w", c.trouble())
			c.refuse(call.err)
			continue
		}
		records := len(c.records)
		for i, b := range call.batches {
			id := batchID{b.Instance, b.Sequence}
			seen := known(c.identities, b.Instance)
			if seen.numbers.Has(b.Sequence) || c.pending[id] {
				continue
			}
			if seen.full() && seen.numbers.Grows(b.Sequence) ||
				c.identities[b.Instance] == nil && len(c.identities)+len(c.pending) >= maxIdentities {
				call.err = fmt.Errorf("%w: it remembers too many instances, or too many gaps in the sequence of %q",
					store.ErrFull, b.Instance)
				c.records = c.records[:records]
				break
			}
			c.pending[id], call.fresh[i] = true, true
			c.records = append(c.records, call.records[i]...)
		}
		if call.err == nil {
			continue
		}
		for i, b := range call.batches {
			if call.fresh[i] {
				delete(c.pending, batchID{b.Instance, b.Sequence})
			}
		}
	}
}

// batchID identifies a batch.
type batchID struct {
	instance string
	sequence uint64
}

// trouble returns why memory cannot be flushed.
func (c *committer) trouble() error {
	if c.failed == nil {
		return store.ErrFull // not even a new segment could be made
	}
	return classify(c.failed)
}
