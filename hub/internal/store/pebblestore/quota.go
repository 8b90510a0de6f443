package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/store"
)

// The store is held to a size in hundredths of it. Beyond fullMark the oldest data is
// deleted until keepMark. What is left to the whole takes what is written meanwhile, and the
// copies of compactions. Beyond copyMark, flushes wait for these to end, and files of which
// a part was deleted are written anew.
const (
	fullMark = 94
	keepMark = 93
	copyMark = 96
)

// KeepSize implements store.SizeKeeper.
func (s *Store) KeepSize(bytes int64) {
	if s.maxSize.Swap(bytes) == bytes {
		return
	}
	_ = s.do(context.Background(), func(c *committer) error { c.resizeBallast(); return nil })
	s.grew()
}

// grew has the store measured, if it is held to a size.
func (s *Store) grew() {
	if s.maxSize.Load() == 0 {
		return
	}
	select {
	case s.grown <- struct{}{}:
	default:
	}
}

// keepLoop holds the store to its size: it prunes it whenever it has grown.
func (s *Store) keepLoop() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	failed := false
	for {
		select {
		case <-s.closing:
			return
		case <-s.grown:
		}
		size := s.maxSize.Load()
		if size == 0 {
			continue
		}
		s.sizing.Lock()
		before, err := s.pruneToSize(ctx, size)
		s.sizedTo = max(s.sizedTo, before)
		s.sizing.Unlock()
		if err != nil && !failed && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
			s.logger.Error("the store cannot delete what exceeds its size; will retry", "directory", s.dir, "error", firstLineOf(err))
		}
		failed = err != nil
	}
}

// PruneToSize implements store.Sizer. It measures all files but those of snapshots and
// damaged ones that were set aside, deletes as many blocks as it must, and keeps the
// newest one. The instant can be of what the store deleted by itself since the last call.
func (s *Store) PruneToSize(ctx context.Context, bytes int64) (before int64, err error) {
	s.sizing.Lock()
	defer s.sizing.Unlock()
	before, err = s.pruneToSize(ctx, bytes)
	before, s.sizedTo = max(before, s.sizedTo), 0
	return before, err
}

// pruneToSize is PruneToSize while sizing is held.
func (s *Store) pruneToSize(ctx context.Context, bytes int64) (before int64, err error) {
	s.measure(true)
	defer s.measure(false)
	for {
		cut, err := s.shrink(ctx, bytes)
		if err != nil {
			return before, err
		}
		if cut == 0 {
			return before, s.awaitRoom(ctx, bytes)
		}
		before = max(before, cut)
	}
}

// measure notes whether the store is being measured. The committer may wait for the end of that.
func (s *Store) measure(begins bool) {
	s.measuring.Store(begins)
	if begins {
		return
	}
	select {
	case s.measured <- struct{}{}:
	default:
	}
}

// awaitRoom waits until files that are in no use any more have left the disk, and
// compactions have ended, if that is what the store exceeds its size by. It does not wait
// for readers that take long.
func (s *Store) awaitRoom(ctx context.Context, bytes int64) error {
	e, _, err := s.current()
	if err != nil {
		return err
	}
	defer e.release()
	const pause = 20 * time.Millisecond
	for range time.Second / pause {
		u, err := s.usage(e)
		if err != nil {
			return classify(err)
		}
		if u.leaving+u.copied == 0 || u.total <= share(bytes, copyMark) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.closing:
			return nil
		case <-time.After(pause):
		}
	}
	return nil
}

// shrink deletes what is too much for a size, and returns the floor, or 0 if there was
// nothing to delete.
func (s *Store) shrink(ctx context.Context, bytes int64) (floor int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	e, st, err := s.current()
	if err != nil {
		return 0, err
	}
	defer e.release()
	u, err := s.usage(e)
	if err != nil {
		return 0, classify(err)
	}
	if u.kept() <= share(bytes, fullMark) {
		if u.cut > 0 && u.total-u.leaving > share(bytes, copyMark) {
			err = s.rewriteParts(ctx, e)
		}
		return 0, err
	}
	var found excess
	err = e.attempt(func() error {
		c, err := e.newExcessFinder(&st)
		if err == nil {
			found, err = c.find(u.kept() - share(bytes, keepMark))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find what to delete: %w", classify(err))
	}
	if found.isEmpty() {
		return 0, nil // what is left cannot be made smaller
	}
	return found.floor, s.deleteExcess(ctx, e, &found)
}

// share returns hundredths of a size.
func share(bytes, hundredths int64) int64 { return bytes/100*hundredths + bytes%100*hundredths/100 }

// current returns the engine, to be released, and the state.
func (s *Store) current() (*engine, state, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, state{}, store.ErrClosed
	}
	s.engine.users.Add(1)
	return s.engine, s.state, nil
}

// deleteExcess deletes an excess. Its floor is durable before any of it leaves the disk: what is
// gone is never taken for all there was.
//
// Blocks are cut out of the database: files that lie wholly within it leave the disk
// at once, whatever is written meanwhile. Pages and health results lie within files
// that stay, which are compacted.
func (s *Store) deleteExcess(ctx context.Context, e *engine, x *excess) error {
	err := s.do(ctx, func(c *committer) error { return c.raiseFloor(x.floor, x.others) })
	if err != nil {
		return err
	}
	if err := e.flush(); err != nil {
		return classify(err)
	}
	err = s.do(ctx, func(c *committer) error {
		if x.blocks.Start == nil || c.engine != e || c.state.floor < x.floor {
			return nil // the floor was lowered meanwhile, or there is another engine
		}
		return e.attempt(func() error { return e.db.Excise(context.Background(), x.blocks) })
	})
	if err != nil {
		return fmt.Errorf("delete the oldest requests: %w", classify(err))
	}
	return s.compact(ctx, e, x.around)
}

// compact compacts some ranges of keys, during which flushes go on.
func (s *Store) compact(ctx context.Context, e *engine, spans []pebble.KeyRange) error {
	s.measure(false)
	defer s.measure(true)
	// A database that died has no more compactions. One that waits for them would be in use
	// forever, and Close would wait for it.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, span := range spans {
		if err := e.attempt(func() error { return e.db.Compact(ctx, span.Start, span.End, false) }); err != nil {
			return fmt.Errorf("free the disk: %w", classify(err))
		}
	}
	return nil
}

// raiseFloor moves the floor up to an instant, unless it is there, and deletes some ranges
// of keys.
func (c *committer) raiseFloor(floor int64, gone []pebble.KeyRange) error {
	if c.built != nil {
		c.apply(<-c.built) // applied later, it would restore the floor that it was built with
	}
	if c.failed != nil {
		return classify(c.failed)
	}
	st := c.state
	if st.floor = max(st.floor, floor); st.floor == c.state.floor && len(gone) == 0 {
		return nil
	}
	b := c.engine.db.NewBatch()
	for _, span := range gone {
		if err := b.DeleteRange(span.Start, span.End, nil); err != nil {
			return err
		}
	}
	return c.keepState(b, st)
}

// rewriteParts writes the files anew of which a part was deleted: that part stays on the disk
// until all of the file is deleted, or it is compacted. A deletion of nothing, between
// two keys, has it compacted.
func (s *Store) rewriteParts(ctx context.Context, e *engine) error {
	var spans []pebble.KeyRange
	err := e.attempt(func() error {
		levels, err := e.db.SSTables()
		for _, level := range levels {
			for _, t := range level {
				if first := slices.Clip(t.Smallest.UserKey); t.Virtual {
					span := pebble.KeyRange{Start: append(first, 0), End: append(first, 1)}
					err = errors.Join(err, e.db.DeleteRange(span.Start, span.End, pebble.NoSync))
					spans = append(spans, span)
				}
			}
		}
		return err
	})
	if err != nil {
		return classify(err)
	}
	return s.compact(ctx, e, spans)
}

// A small store writes its journal and its tables in small parts.
const (
	segmentPart = 256 // of its size, at most one part in so many
	durablePart = 256
	journalPart = 64
	tablePart   = 128

	tablesTogether = 4 // that a compaction copies at most, unless it must take more along
	minSegment     = 256 << 10
	minDurable     = 128 << 10
	minTable       = 128 << 10
)

// maxTable is how many bytes a table has at most, in a store whose size is known when it is
// opened; 0 if there is none. That much may be kept of what was deleted.
func (s *Store) maxTable() int64 {
	if s.maxSize.Load() == 0 {
		return 0
	}
	return max(minTable, s.maxSize.Load()/tablePart)
}

// durableLimit is how many bytes may be applied to Pebble before it is flushed.
func (c *committer) durableLimit() int {
	return c.scaled(min(c.tuning.durable, 4*c.segmentLimit()), durablePart, minDurable)
}

// scaled returns a limit of bytes that wait to be written, or a smaller one if the store
// is held to a small size: its part of that, but not less than least.
func (s *Store) scaled(limit, part, least int) int {
	size := s.maxSize.Load()
	if size == 0 {
		return limit
	}
	return min(limit, max(int(size)/part, least))
}

// waitsForRoom reports whether a flush should wait until the store was measured, so that
// a small store is never far beyond its size.
func (c *committer) waitsForRoom() bool {
	return c.measuring.Load() && c.maxSize.Load() > 0 && c.applied < c.tuning.durable
}

// journalIsLarge reports whether the journal has its part of the size that the store is
// held to, and something is going on that ends that: memory is being written, a flush, or
// a measure. Without this, a small store would take more meanwhile than it may have.
func (c *committer) journalIsLarge() bool {
	size := c.maxSize.Load()
	if size == 0 || c.failed != nil || c.built == nil && c.durable == nil && !c.measuring.Load() {
		return false
	}
	sum := int64(0)
	if c.journal.file != nil {
		sum = c.journal.valid
	}
	for _, bytes := range c.written {
		sum += bytes
	}
	return sum > max(size/journalPart, 2*minSegment)
}
