package chstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/kymohq/kymo/hub/internal/loop"
)

// The tiers of kymo_rollups and of seals: sums of single groups, of all groups in some
// minutes, in some hours, and in some days.
const (
	tierGroups uint8 = iota
	tierMinutes
	tierHours
	tierDays
)

// sealing configures when pieces are made.
type sealing struct {
	every time.Duration // how often a hub looks for pieces to make
	// after is the min age of groups, in seconds; the others are the min length of the
	// span that a piece of the tier stands for.
	after, minutes, hours, days int64
	groups                      int   // max number in a piece
	meanwhile                   int64 // for how many seconds sums stay after a piece has replaced them
}

// Groups are sealed when no group of their time can be committed any more: those still
// open are aborted then.
var defaultSealing = sealing{every: 20 * time.Second, after: 2 * staleAfter, minutes: 60, hours: 3600, days: 24 * 3600, groups: 5000, meanwhile: 3600}

// startSealing starts the loop that makes pieces of groups.
func (s *Store) startSealing() *loop.Loop {
	return loop.Start(s.sealing.every, nil, loop.ReportOnce(s.sealDue, func(err error) {
		s.logger.Warn("cannot add up rows of kymo_rollups; will retry", "error", s.errors.Redact(err))
	}))
}

// sealDue makes the pieces that are due, and drops the sums that they replace.
func (s *Store) sealDue(ctx context.Context) error {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := s.sealGroups(ctx, snap); err != nil {
		return err
	}
	if err := s.sealPieces(ctx, snap, tierHours, s.sealing.hours); err != nil {
		return err
	}
	if err := s.sealPieces(ctx, snap, tierDays, s.sealing.days); err != nil {
		return err
	}
	return s.dropSuperseded(ctx, snap)
}

// sealGroups makes a piece of groups, if there are enough.
func (s *Store) sealGroups(ctx context.Context, snap *snapshot) error {
	past := snap.now - s.sealing.after
	if len(snap.groups) == 0 {
		return nil // reads would not get faster
	}
	first := secondOf(slices.Min(snap.groups))
	if past-first < s.sealing.minutes {
		return nil
	}
	past = s.capGroups(snap, past)
	var open []uint64
	if err := s.read(ctx, s.ledger(), func(n *node) (err error) {
		open, err = s.undecided(ctx, n, snap, past)
		return err
	}); err != nil {
		return err
	}
	if len(open) > 0 {
		if err := s.abort(ctx, open...); err != nil {
			return err
		}
	}
	// Under the seal, every group counts that is not known to be aborted. An earlier
	// attempt may have aborted a group without all replicas knowing.
	if err := s.spread(ctx, s.ledger(), snap.sealed, groupsTable); err != nil {
		return err
	}
	// Only what is read from here on is final.
	final, err := s.snapshot(ctx)
	if err != nil || final.sealed != snap.sealed {
		return err // another hub was faster
	}
	var groups []uint64
	for _, number := range final.groups {
		if number < numbersFrom(past) {
			groups = append(groups, number)
		}
	}
	if len(groups) == 0 {
		return nil // another hub has aborted them meanwhile
	}
	// Groups have the shortest spans; each of them is part of one span of each level.
	from := fmt.Sprintf(`(SELECT *, arrayJoin([%d, %d, %d]) AS to_level FROM %s WHERE tier = %d AND day >= %s AND group_id IN (SELECT number FROM wanted))`,
		level5m, level1h, level1d, s.table(rollupsTable), tierGroups, dayText(secondOf(slices.Min(groups))))
	return s.seal(ctx, seal{tierMinutes, snap.sealed, past, newNumber(snap.now)}, groups, from,
		fmt.Sprintf(`toUInt32(intDiv(span, [%d, %d, %d][to_level + 1]))`, levels.Finest(0), levels.Finest(1), levels.Finest(2)))
}

// capGroups limits a piece to as many groups as can be added up at once.
func (s *Store) capGroups(snap *snapshot, past int64) int64 {
	seconds := make([]int64, 0, len(snap.groups))
	for _, number := range snap.groups {
		seconds = append(seconds, secondOf(number))
	}
	slices.Sort(seconds)
	if len(seconds) > s.sealing.groups {
		past = min(past, seconds[s.sealing.groups]+1)
	}
	return past
}

// sealPieces makes one piece of a tier from pieces of the tier below, if they stand for
// enough seconds.
func (s *Store) sealPieces(ctx context.Context, snap *snapshot, tier uint8, seconds int64) error {
	x := seal{tier: tier, piece: newNumber(snap.now)}
	var pieces []uint64
	for _, link := range snap.chain {
		if link.tier >= tier {
			x.first, x.past, pieces = link.past, link.past, nil
		} else if link.tier == tier-1 {
			x.past, pieces = link.past, append(pieces, link.piece)
		} else {
			break // the parts of a piece must be consecutive
		}
	}
	if len(pieces) < 2 || secondOf(pieces[len(pieces)-1])-secondOf(pieces[0]) < seconds {
		return nil
	}
	from := fmt.Sprintf(`(SELECT *, level AS to_level FROM %s WHERE tier = %d AND group_id = 0 AND piece IN (SELECT number FROM wanted))`, s.table(rollupsTable), tier-1)
	return s.seal(ctx, x, pieces, from, "span")
}

// seal makes every shard add up its sums of groups or pieces, and then writes the seal
// by which the new sum stands for them.
func (s *Store) seal(ctx context.Context, x seal, parts []uint64, from, span string) error {
	sql := fmt.Sprintf(`INSERT INTO %s (%s) SELECT toUInt8(%d), toDate(%s), toUInt64(0), to_level, to_span, %s, toUInt64(%d), c1, c2, c3, c4, c5, c6, buckets.1, buckets.2
		FROM (SELECT toUInt8(to_level) AS to_level, %s AS to_span, %s, %s FROM %s GROUP BY to_level, to_span, %s)`,
		s.table(rollupsTable), tableOf(rollupsTable).inserted(), x.tier, dayText(x.past), seriesColumns, x.piece,
		span, seriesColumns, mergedSums, from, seriesColumns)
	work, workCtx := errgroup.WithContext(ctx)
	for _, sh := range s.shards {
		work.Go(func() error {
			return s.read(workCtx, sh, func(n *node) error {
				ctx, err := withNumbers(workCtx, numbers{"wanted", parts})
				if err != nil {
					return err
				}
				ctx, end := n.within(ctx, sealWithin)
				defer end()
				if err := n.conn.Exec(ctx, sql); err != nil {
					return &onceError{n.why(ctx, err)}
				}
				return nil
			})
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	for _, sh := range s.shards {
		if err := s.spread(ctx, sh, secondOf(x.piece), rollupsTable); err != nil {
			return err
		}
	}
	return s.insert(ctx, s.ledger(), sealsTable, func(b driver.Batch) error {
		return b.Append(x.tier, uint32(x.first), uint32(x.past), x.piece)
	})
}

func dayText(second int64) string { return quote(dayOf(second).Format("2006-01-02")) }
