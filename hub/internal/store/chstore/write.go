package chstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/internal/wire"
)

var (
	errOtherHub = errors.New("another hub is storing the same batch")
	errLate     = errors.New("the write took too long")
	errAborted  = errors.New("another hub has aborted the group")
)

// write makes a group durable.
func (s *Store) write(ctx context.Context, calls []*gather.Call) error {
	return s.classify(ctx, s.keep(ctx, calls))
}

// keep writes a group under a new number.
func (s *Store) keep(ctx context.Context, calls []*gather.Call) error {
	if batches := identities(calls); len(batches) > 0 {
		return s.keepAs(ctx, newNumber(s.now()), batches, calls)
	}
	return nil
}

func (s *Store) keepAs(ctx context.Context, number uint64, batches []identity, calls []*gather.Call) error {
	began := time.Now()
	known, err := s.enter(ctx, number, batches)
	if errors.Is(err, errSameNumber) {
		return err // aborting would hit the other hub's group
	}
	if err != nil {
		s.abortUnseen(number)
		return err
	}
	fresh, answers := admit(calls, known)
	if len(fresh) == 0 {
		s.abortUnseen(number) // it holds nothing
		return nil
	}
	if err := s.put(ctx, number, fresh); err != nil {
		s.abortUnseen(number)
		return err
	}
	answer := func(fresh bool) {
		for _, a := range answers {
			*a = fresh
		}
	}
	answer(true)
	err = s.commit(ctx, number, began)
	if errors.Is(err, errAborted) {
		answer(false)
	}
	return err
}

// commit commits a group. Once it is called, other hubs may see the group as committed,
// even if commit fails. After that, the group is aborted only if it becomes stale.
func (s *Store) commit(ctx context.Context, number uint64, began time.Time) error {
	late := func() bool {
		// The first clock may stop while the machine sleeps, the second may be set.
		return time.Since(began) >= commitWithin*time.Second || s.now()-secondOf(number) >= commitWithin
	}
	var err error
	for attempt := 1; !late(); attempt++ {
		// The same block would not be kept again, even if the first one is on a replica that
		// has died.
		since := s.now()
		err = s.decide(ctx, stateCommitted, slices.Repeat([]uint64{number}, attempt)...)
		if err == nil {
			err = s.spread(ctx, s.ledger(), since, groupsTable)
		}
		if err == nil {
			err = s.isCommitted(ctx, number)
		}
		if err == nil && !late() || errors.Is(err, errAborted) {
			return err
		}
		if ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.Join(errLate, err)
}

// isCommitted fails if a group that all replicas know to be committed is aborted too:
// whatever the clocks say, another hub may have found it stale.
func (s *Store) isCommitted(ctx context.Context, number uint64) error {
	return s.read(ctx, s.ledger(), func(n *node) error {
		group := &other{number: number}
		err := s.states(ctx, n, map[uint64]*other{number: group})
		switch {
		case err != nil:
			return err
		case group.state == stateAborted:
			return &onceError{errAborted}
		case group.state != stateCommitted:
			return errBehind
		}
		return nil
	})
}

// now returns the current second by the ledger's clock.
func (s *Store) now() int64 { return time.Now().Unix() + s.offset.Load() }

// enter announces a group, and finds which of its batches were kept before. It reads
// the other groups only when every replica has the announcement: so of two groups with
// the same batch one sees the other, whatever replicas they use.
func (s *Store) enter(ctx context.Context, number uint64, batches []identity) (known map[identity]bool, err error) {
	if err := s.announce(ctx, number, batches); err != nil {
		return nil, err
	}
	if err := s.spread(ctx, s.ledger(), secondOf(number), batchesTable); err != nil {
		return nil, err
	}
	return s.look(ctx, number, batches)
}

// identities returns the identities of the calls' batches, each once.
func identities(calls []*gather.Call) []identity {
	var all []identity
	seen := make(map[identity]bool)
	for _, c := range calls {
		for _, b := range c.Batches {
			if id := (identity{b.Instance, b.Sequence}); !seen[id] {
				seen[id] = true
				all = append(all, id)
			}
		}
	}
	return all
}

// look finds which batches were kept before. It fails if another group that has one of
// them is under way.
func (s *Store) look(ctx context.Context, number uint64, batches []identity) (map[identity]bool, error) {
	found, now, err := s.others(ctx, number, batches)
	if err != nil {
		return nil, err
	}
	second := secondOf(number)
	offset := now - time.Now().Unix()
	// Waiting for replicas goes by the number's second.
	if step := offset - s.offset.Swap(offset); max(step, -step) > 1 || max(now-second, second-now) >= commitWithin {
		return nil, errLate
	}
	known := make(map[identity]bool)
	var kept, gone []uint64
	var old []*other // without a state; it may be forgotten before their batches are
	busy := false
	for _, o := range found {
		switch {
		case o.state == stateCommitted:
			kept = append(kept, o.number)
			for _, id := range o.batches {
				known[id] = true
			}
		case o.state == stateAborted:
		case now-secondOf(o.number) >= int64(promisedAge/time.Second):
			old = append(old, o)
		case s.orphans.has(o.number), now-secondOf(o.number) >= staleAfter:
			gone = append(gone, o.number)
		default:
			busy = true
		}
	}
	if len(old) > 0 {
		snap, err := s.snapshot(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range old {
			switch {
			case slices.Contains(snap.aborted, o.number): // since it was sealed, a moment ago
			case o.number >= numbersFrom(snap.sealed): // so nothing of it is forgotten
				gone = append(gone, o.number)
			default:
				for _, id := range o.batches {
					known[id] = true
				}
			}
		}
	}
	if len(gone) > 0 {
		if err := s.abort(ctx, gone...); err != nil {
			return nil, err
		}
		for _, number := range gone {
			s.orphans.remove(number)
		}
	}
	if busy {
		return nil, errOtherHub
	}
	if len(kept) > 0 {
		if err := s.committedEverywhere(ctx, kept); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// abortUnseen aborts a group that no hub can have seen committed.
func (s *Store) abortUnseen(number uint64) {
	s.orphans.add(number, s.now())
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	// If this fails, another hub that finds the group treats it as stale, or this one as
	// an orphan.
	if s.abort(ctx, number) == nil {
		s.orphans.remove(number)
	}
}

// admit returns the batches that are new, and the answers to set once they are written.
func admit(calls []*gather.Call, known map[identity]bool) (fresh []*wire.Batch, answers []*bool) {
	for _, c := range calls {
		for i, b := range c.Batches {
			id := identity{b.Instance, b.Sequence}
			if known[id] {
				continue
			}
			known[id] = true
			fresh, answers = append(fresh, b), append(answers, &c.Fresh[i])
		}
	}
	return fresh, answers
}

// put writes a group's rows to the shards that they belong to.
func (s *Store) put(ctx context.Context, number uint64, fresh []*wire.Batch) error {
	blocks := s.blocks(number, fresh)
	group, ctx := errgroup.WithContext(ctx)
	for i, b := range blocks {
		sh := s.shards[i]
		if len(b.requests.start) > 0 {
			group.Go(func() error { return s.insertAndSpread(ctx, number, sh, requestsTable, b.requests.fill) })
			group.Go(func() error { return s.insertAndSpread(ctx, number, sh, rollupsTable, b.rollups.fill) })
		}
	}
	if rows := healthRows(fresh); len(rows) > 0 {
		group.Go(func() error { return s.insertAndSpread(ctx, number, s.ledger(), healthTable, fillHealth(number, rows)) })
	}
	plain, reasons := dropsOf(fresh)
	if len(plain) > 0 {
		group.Go(func() error { return s.insertAndSpread(ctx, number, s.ledger(), dropsTable, fillDrops(number, plain)) })
	}
	if len(reasons) > 0 {
		group.Go(func() error {
			return s.insertAndSpread(ctx, number, s.ledger(), reasonsTable, fillReasons(number, reasons))
		})
	}
	return group.Wait()
}

func (s *Store) insertAndSpread(ctx context.Context, number uint64, sh *shard, table string, fill func(driver.Batch) error) error {
	if err := s.insert(ctx, sh, table, fill); err != nil {
		return err
	}
	return s.spread(ctx, sh, secondOf(number), table)
}
