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
	errOtherHub = errors.New("another hub is about to keep the same batch")
	errLate     = errors.New("it took too long")
	errGivenUp  = errors.New("another hub has given the group up meanwhile")
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
		return err // void would be the other hub's group
	}
	if err != nil {
		s.abandon(number)
		return err
	}
	fresh, answers := admit(calls, known)
	if len(fresh) == 0 {
		s.abandon(number) // it holds nothing
		return nil
	}
	if err := s.put(ctx, number, fresh); err != nil {
		s.abandon(number)
		return err
	}
	answer := func(fresh bool) {
		for _, a := range answers {
			*a = fresh
		}
	}
	answer(true)
	err = s.confirm(ctx, number, began)
	if errors.Is(err, errGivenUp) {
		answer(false)
	}
	return err
}

// confirm confirms a group. Once it is called others may see that, even if it
// fails. Only time can make the group void then.
func (s *Store) confirm(ctx context.Context, number uint64, began time.Time) error {
	late := func() bool {
		// The first of the clocks may stand while the machine sleeps, the second may be set.
		return time.Since(began) >= confirmWithin*time.Second || s.now()-secondOf(number) >= confirmWithin
	}
	var err error
	for attempt := 1; !late(); attempt++ {
		// The same block again would not be kept, even if the first one is with a
		// replica that has died.
		since := s.now()
		err = s.decide(ctx, confirmed, slices.Repeat([]uint64{number}, attempt)...)
		if err == nil {
			err = s.spread(ctx, s.ledger(), since, groupsTable)
		}
		if err == nil {
			err = s.isConfirmed(ctx, number)
		}
		if err == nil && !late() || errors.Is(err, errGivenUp) {
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

// isConfirmed fails unless a group that is known everywhere to be confirmed is not
// void: whatever the clocks say, somebody may have taken it for dead.
func (s *Store) isConfirmed(ctx context.Context, number uint64) error {
	return s.read(ctx, s.ledger(), func(n *node) error {
		group := &other{number: number}
		err := s.states(ctx, n, map[uint64]*other{number: group})
		switch {
		case err != nil:
			return err
		case group.state == void:
			return &onceError{errGivenUp}
		case group.state != confirmed:
			return errBehind
		}
		return nil
	})
}

// now is the ledger's second.
func (s *Store) now() int64 { return time.Now().Unix() + s.offset.Load() }

// enter announces a group, and finds which of its batches were kept before. Only
// what everyone can see is followed by a look at the others: so of two groups
// with the same batch one sees the other, whatever replicas they use.
func (s *Store) enter(ctx context.Context, number uint64, batches []identity) (known map[identity]bool, err error) {
	if err := s.announce(ctx, number, batches); err != nil {
		return nil, err
	}
	if err := s.spread(ctx, s.ledger(), secondOf(number), batchesTable); err != nil {
		return nil, err
	}
	return s.look(ctx, number, batches)
}

// identities are the batches of the calls, each once.
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

// look finds which batches were kept before. It fails if another group is about
// to keep one of them.
func (s *Store) look(ctx context.Context, number uint64, batches []identity) (map[identity]bool, error) {
	found, now, err := s.others(ctx, number, batches)
	if err != nil {
		return nil, err
	}
	second := secondOf(number)
	offset := now - time.Now().Unix()
	// Waiting for replicas goes by the number's second.
	if step := offset - s.offset.Swap(offset); max(step, -step) > 1 || max(now-second, second-now) >= confirmWithin {
		return nil, errLate
	}
	known := make(map[identity]bool)
	var kept, gone []uint64
	var old []*other // without a state, which may be forgotten already where their batches are not yet
	busy := false
	for _, o := range found {
		switch {
		case o.state == confirmed:
			kept = append(kept, o.number)
			for _, id := range o.batches {
				known[id] = true
			}
		case o.state == void:
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
			case slices.Contains(snap.voids, o.number): // since it was sealed, a moment ago
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
		if err := s.declareVoid(ctx, gone...); err != nil {
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
		if err := s.confirmedEverywhere(ctx, kept); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// abandon gives a group up that no hub can have seen confirmed.
func (s *Store) abandon(number uint64) {
	s.orphans.add(number, s.now())
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	// If this fails, a hub that meets the group finds it stale, or we find it an orphan.
	if s.declareVoid(ctx, number) == nil {
		s.orphans.remove(number)
	}
}

// admit finds the batches that are new, and where to answer so once they are written.
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

// put writes a group's rows to all shards that get some.
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
	if drops := dropsOf(fresh); len(drops) > 0 {
		group.Go(func() error { return s.insertAndSpread(ctx, number, s.ledger(), dropsTable, fillDrops(number, drops)) })
	}
	return group.Wait()
}

func (s *Store) insertAndSpread(ctx context.Context, number uint64, sh *shard, table string, fill func(driver.Batch) error) error {
	if err := s.insert(ctx, sh, table, fill); err != nil {
		return err
	}
	return s.spread(ctx, sh, secondOf(number), table)
}
