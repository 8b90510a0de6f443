package pebblestore

import (
	"errors"
	"path"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
)

// committer is the goroutine that writes the journal and memory. It also starts the
// writes of memory into Pebble, and of Pebble's own memory into its files, but never
// waits for them.
type committer struct {
	*Store
	dead    <-chan struct{} // the engine's; nil once its death was noticed
	failed  error           // why the engine died; nil if it lives
	waits   int             // ticks to wait before the next is opened
	tries   int             // engines opened in vain since then
	built   chan build      // receives the write made of the frozen memory; nil if nothing is frozen
	durable chan error      // receives the outcome of Pebble's flush; nil if none is running

	flusher flusher
	spare   rows      // whose columns the next memory uses
	applied int       // bytes in Pebble that no flush covers yet
	since   time.Time // when the first of them came
	through uint64    // the last segment that the running flush covers

	hopeless  map[string]bool // damaged files that cannot be mended while the store is open
	suspected map[string]int  // how often no damage was found in a file
	spoilt    []string        // damaged files that were cut out since damages were last closed

	written map[uint64]int64 // bytes of the segments before the newest that are not yet removed

	records []byte // scratch of admit
	pending map[batchID]bool
}

// build is a frozen memory turned into a write.
type build struct {
	batch *pebble.Batch
	state state
	spans []int64 // of 5 minutes that it has pages of
	saved int     // how many series are in Pebble once it is written
	err   error
}

// commitLoop is not a loop.Loop, since it waits for more than ticks.
func (s *Store) commitLoop() {
	defer close(s.done)
	c := committer{Store: s, dead: s.engine.dead, pending: make(map[batchID]bool), written: make(map[uint64]int64),
		hopeless: make(map[string]bool), suspected: make(map[string]int)}
	c.finishMending()
	ticker := time.NewTicker(s.pause)
	defer ticker.Stop()
	for {
		calls := s.calls
		if c.built != nil && c.recent.len() >= min(2*c.memory, c.ceiling) {
			calls = nil // until the frozen memory is written, which takes milliseconds
		}
		if c.journalIsLarge() {
			calls = nil // until what is going on has ended
		}
		select {
		case call := <-calls:
			c.commit(c.group(call))
		case b := <-c.built:
			c.apply(b)
		case err := <-c.durable:
			c.flushed(err)
		case f := <-s.control:
			f(&c)
		case name := <-c.engine.damaged:
			c.mend(name)
		case <-c.measured: // what waited for that goes on
		case <-c.dead:
			c.dead = nil
			c.fail(c.engine.err)
		case <-ticker.C:
			c.grew()
			if c.failed == nil {
				c.engine.compact.resume() // once a tick, if compactions meet damage
				break
			}
			if c.waits--; c.waits <= 0 {
				c.recover()
			}
		case <-s.closing:
			c.finish()
			return
		}
		c.flushIfDue()
	}
}

// flushIfDue freezes the memory if it is full or old, and starts Pebble's flush if
// enough was applied, or long ago.
func (c *committer) flushIfDue() {
	if c.failed != nil {
		return
	}
	age := time.Duration(c.latest()-c.recent.since) * time.Millisecond
	if c.recent.len() >= c.memory || c.segmentFull() || c.recent.batches > 0 && (age >= c.age || age < 0) {
		c.freeze()
	}
	waited := c.now().Sub(c.since)
	if c.applied >= c.durableLimit() && !c.waitsForRoom() || c.applied > 0 && (waited >= c.age || waited < 0) {
		c.makeDurable()
	}
}

// freeze starts turning the memory into a write, unless the previous one is still being
// written, or could not be: queries read it until there is another engine. If the journal
// cannot start another segment, the memory stays in use and the next tick retries it.
func (c *committer) freeze() {
	if c.built != nil || c.frozen != nil || c.recent.batches == 0 {
		return
	}
	c.recent.segment = c.journal.number
	if size := c.journal.valid; c.journal.file != nil {
		if c.journal.rotate() != nil {
			return
		}
		c.written[c.recent.segment] = size
	}
	// The identities are encoded now. Later they would include numbers of batches in
	// later segments, which a replay would then skip.
	z := &freeze{c.recent, c.recent.encodeIdentities(), c.series.keys, c.series.saved}
	st := c.state
	st.floor10s = max(st.floor10s, c.past()-keep10s)
	c.mu.Lock()
	c.frozen, c.recent = c.recent, newMemory(c.spare, min(c.recent.rows.len()*9/8, 2*c.memory))
	c.mu.Unlock()
	c.spare = rows{}
	c.built = make(chan build, 1)
	go func(e *engine, built chan<- build) {
		b := e.db.NewBatch()
		spans, err := c.flusher.write(b, z, &st)
		built <- build{b, st, spans, len(z.keys), err}
	}(c.engine, c.built)
}

// apply writes the frozen memory into Pebble. If that fails, the data is still in the
// journal, from where it is replayed into the next engine.
func (c *committer) apply(b build) {
	c.built = nil
	if b.err != nil {
		c.engine.die(b.err)
	}
	if b.err != nil || c.failed != nil {
		return // the batch is left to the garbage collector
	}
	size := b.batch.Len()
	c.engine.totals.touch(b.state.segment, b.spans)
	if c.engine.apply(b.batch) != nil {
		return
	}
	c.mu.Lock()
	written := c.frozen
	c.state, c.frozen, c.series.saved = b.state, nil, b.saved
	c.mu.Unlock()
	// No view can begin to read it any more.
	if written.readers.Load() == 0 && written.rows.len() <= 3*c.memory {
		c.spare = written.rows
	}
	_ = b.batch.Close()
	if c.applied == 0 {
		c.since = c.now()
	}
	c.applied += size
}

// makeDurable starts Pebble's flush of what was applied.
func (c *committer) makeDurable() {
	if c.durable != nil {
		return
	}
	c.through, c.applied = c.state.segment, 0
	c.durable = make(chan error, 1)
	go func(e *engine, durable chan<- error) { durable <- e.flush() }(c.engine, c.durable)
}

// flushed removes the segments that became durable in Pebble. After an error the engine
// is dead, which the loop notices.
func (c *committer) flushed(err error) {
	c.durable = nil
	if err == nil {
		c.removeSegments(c.through)
		c.grew()
	}
}

// removeSegments removes the journal up to and including a segment. One that cannot be
// removed is removed with the next, and skipped when the store opens.
func (c *committer) removeSegments(through uint64) {
	numbers, err := segments(c.fs, c.journal.dir)
	if err != nil {
		return
	}
	for _, n := range numbers {
		if n <= through {
			_ = c.fs.Remove(segmentName(c.journal.dir, n))
			delete(c.written, n)
		}
	}
}

// maxWaits is the longest pause between two engines, in ticks. The pauses grow because
// each dead engine leaks a little memory.
const maxWaits = 64

// recover replaces the dead engine by another, if the disk has room for it.
func (c *committer) recover() {
	c.drain()
	c.engine.fence.drain()
	err := probe(c.fs, path.Join(c.dir, "PROBE"))
	if errors.Is(classify(err), store.ErrFull) && c.snapshots.end(store.ErrFull) {
		err = probe(c.fs, path.Join(c.dir, "PROBE"))
	}
	if err != nil {
		c.fail(err)
		return
	}
	if err := c.replace(0); err != nil {
		c.fail(err)
		c.tries++
		c.waits = min(1<<min(c.tries, 10), maxWaits)
	}
}

// replace replaces the dead engine by another, which forgets what lies before floor.
func (c *committer) replace(floor int64) error {
	c.drain()
	c.engine.fence.drain()
	if c.journal.file != nil {
		c.journal.abandon()
	}
	if err := c.load(c.journal.valid, floor); err != nil {
		return err
	}
	c.dead, c.applied, c.tries = c.engine.dead, 0, 0
	clear(c.written)
	c.fail(nil)
	c.fillBallast()
	c.finishMending()
	return nil
}

// fail notes why the engine died, or nil once there is another.
func (c *committer) fail(err error) {
	switch {
	case err != nil && c.failed == nil:
		c.logger.Error("the database cannot be written; it is opened again once it can", "directory", c.dir, "error", firstLineOf(err))
	case err == nil && c.failed != nil:
		c.logger.Info("the database is written again", "directory", c.dir)
	}
	c.failed = err
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// drain waits until nothing uses the engine.
func (c *committer) drain() {
	if c.built != nil {
		c.apply(<-c.built)
	}
	if c.durable != nil {
		c.flushed(<-c.durable)
	}
}

// finish writes everything into Pebble's files. What it cannot write stays in the
// journal.
func (c *committer) finish() {
	c.drain()
	if c.failed == nil {
		c.freeze()
		c.drain()
		c.makeDurable()
		c.drain()
	}
}

// probe returns an error if the disk does not take a few megabytes. Opening an engine
// on a full disk would only leave another dead one behind.
func probe(fs vfs.FS, name string) error {
	f, err := fs.Create(name, "kymo-probe")
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	for range 4 {
		if _, err = f.Write(chunk); err != nil {
			break
		}
	}
	return errors.Join(err, f.Sync(), f.Close(), fs.Remove(name))
}
