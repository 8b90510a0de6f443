package chstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// identityAge is how long batches are remembered: as long as store.Store promises, and
// a margin for clocks that differ.
const (
	promisedAge = 168 * time.Hour
	identityAge = promisedAge + 2*time.Hour
)

const daySeconds = 24 * 3600

// Prune forgets what lies before the instant: reports leave it out within minutes
// (floorStep), and the tables lose it in whole days, by dropping partitions. A
// partition holds what arrived on its day, and is dropped when the youngest of that is
// too old.
func (s *Store) Prune(ctx context.Context, before int64) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return s.classify(ctx, s.prune(ctx, before))
}

func (s *Store) prune(ctx context.Context, before int64) error {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return err
	}
	// Not s.pruned, which another snapshot may have raised meanwhile: the replicas
	// were not asked about that.
	floor := snap.floor
	if moves(floor, before) {
		if err := s.noteFloor(ctx, snap.epoch, before); err != nil {
			return err
		}
		s.pruned.Raise(before)
		floor = before
	}
	if err := s.prunedEverywhere(ctx, floor); err != nil {
		return err
	}
	old := func(p partition) bool { return p.past() <= earliest(floor) }
	// Open groups are found by their batches.
	past := snap.now
	if snap.reckoned > 0 {
		past = min(past, snap.reckoned/1000)
	}
	over := min(snap.sealed, past-int64(identityAge/time.Second))
	forgotten := func(p partition) bool { return p.past() <= over }
	var errs []error
	for _, sh := range s.shards {
		errs = append(errs, s.drop(ctx, sh, requestsTable, old), s.drop(ctx, sh, rollupsTable, old))
	}
	errs = append(errs, s.drop(ctx, s.ledger(), healthTable, old), s.drop(ctx, s.ledger(), dropsTable, old), s.drop(ctx, s.ledger(), reasonsTable, old))
	if err := s.sealedEverywhere(ctx, over); err != nil {
		return errors.Join(append(errs, err)...)
	}
	errs = append(errs, s.drop(ctx, s.ledger(), batchesTable, forgotten),
		// An aborted group must be known as long as its rows may be there.
		s.drop(ctx, s.ledger(), groupsTable, func(p partition) bool { return forgotten(p) && (p.second != int(stateAborted) || old(p)) }))
	return errors.Join(errs...)
}

// floorStep is the min step of the floor (ms), unless a day is to be dropped. Each step
// adds a row that stays, and retention calls Prune once a minute.
const floorStep = 5 * 60 * 1000

// moves reports whether the floor should move up to an instant (Unix ms).
func moves(floor, before int64) bool {
	return before >= floor+floorStep || before > floor && dayOf(earliest(before)) != dayOf(earliest(floor))
}

// prunedEverywhere fails unless all live replicas know the floor: one that does not
// would return what is left as if it were everything. An earlier attempt may have
// written the floor, and then failed.
func (s *Store) prunedEverywhere(ctx context.Context, before int64) error {
	return s.everywhere(ctx, s.ledger(), []string{stateTable}, func(ctx context.Context, n *node) error {
		found, err := s.notesAt(ctx, n)
		if err == nil && found.floor < before {
			err = errBehind
		}
		return err
	})
}

// sealedEverywhere fails unless all live replicas know the seals up to a second: for
// one that does not, a group whose state is forgotten was never committed.
func (s *Store) sealedEverywhere(ctx context.Context, second int64) error {
	return s.everywhere(ctx, s.ledger(), []string{sealsTable}, func(ctx context.Context, n *node) error {
		known := snapshot{}
		err := s.readSeals(ctx, n, &known)
		if err == nil && known.sealed < second {
			err = errBehind
		}
		return err
	})
}

// PruneToSize implements store.Sizer. It measures one replica of each shard, and
// deletes day by day, but neither today nor the two days before.
func (s *Store) PruneToSize(ctx context.Context, bytes int64) (before int64, err error) {
	for {
		size, oldest, err := s.size(ctx)
		if err != nil {
			return before, s.classify(ctx, err)
		}
		// What arrived on a day may have a start up to a day later.
		floor := (oldest.past() + ahead) * 1000
		if size <= bytes || oldest.day.IsZero() || floor > dayOf(s.past()).UnixMilli() {
			return before, nil
		}
		if err := s.Prune(ctx, floor); err != nil {
			return before, err
		}
		before = floor
	}
}

// size returns the number of bytes, and the oldest partition of requests.
func (s *Store) size(ctx context.Context) (bytes int64, oldest partition, err error) {
	for _, sh := range s.shards {
		var size uint64
		var all []partition
		err := s.reach(ctx, sh, func(n *node) (err error) {
			if err := n.conn.QueryRow(ctx, `SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = `+quote(s.database)).Scan(&size); err != nil {
				return err
			}
			all, err = s.partitions(ctx, n, requestsTable)
			return err
		})
		if err != nil {
			return 0, oldest, err
		}
		bytes += int64(size)
		for _, p := range all {
			if oldest.day.IsZero() || p.day.Before(oldest.day) {
				oldest = p
			}
		}
	}
	return bytes, oldest, nil
}

// dropSuperseded drops sums some time after a piece has replaced them. A report, or
// another hub that makes a piece, may have begun before and still read them.
func (s *Store) dropSuperseded(ctx context.Context, snap *snapshot) error {
	// Up to which second a higher tier stands for one.
	var stands [tierDays]int64
	for _, x := range snap.chain {
		if snap.now-secondOf(x.piece) < s.sealing.meanwhile {
			break // what is dropped ends before it
		}
		for tier := range x.tier {
			stands[tier] = x.past
		}
	}
	var errs []error
	for _, sh := range s.shards {
		errs = append(errs, s.drop(ctx, sh, rollupsTable, func(p partition) bool {
			return p.second < len(stands) && p.past() <= stands[p.second]
		}))
	}
	return errors.Join(errs...)
}

// partition is a partition of a table.
type partition struct {
	text   string // in ClickHouse's notation
	day    time.Time
	second int // the second part of its key, beside the day; 0 if there is none
}

// past returns the second in which its day ends.
func (p *partition) past() int64 { return p.day.Unix() + daySeconds }

var partitionText = regexp.MustCompile(`^\(?'?(\d{4}-\d\d-\d\d)'?(?:, ?(\d+)\))?$`)

// parsePartition parses a partition's name in system.parts.
func parsePartition(text string) (p partition, err error) {
	m := partitionText.FindStringSubmatch(text)
	if m == nil {
		return p, fmt.Errorf("the partition %q is not one of Kymo's", text)
	}
	p.text = text
	if m[2] == "" {
		p.text = quote(m[1])
	}
	_, _ = fmt.Sscan("0"+m[2], &p.second) // digits
	p.day, err = time.Parse(time.DateOnly, m[1])
	return p, err
}

// partitions lists the partitions of a table on a server.
func (s *Store) partitions(ctx context.Context, n *node, table string) ([]partition, error) {
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT partition FROM system.parts WHERE database = %s AND table = %s AND active GROUP BY partition`,
		quote(s.database), quote(tableOf(table).local(s.replicated))))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []partition
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		p, err := parsePartition(text)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

var errNotLeader = errors.New("the server is not the leader of its replicas")

// drop drops the partitions of a shard's table for which gone returns true. Before
// version 20.5 only the leading replica can do so; others forward the statement,
// without the password.
func (s *Store) drop(ctx context.Context, sh *shard, table string, gone func(partition) bool) error {
	return s.reach(ctx, sh, func(n *node) error {
		all, err := s.partitions(ctx, n, table)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(p partition) bool { return !gone(p) })
		if len(all) > 0 && s.replicated {
			leaders, err := count(ctx, n, `SELECT countIf(is_leader) FROM system.replicas WHERE `+s.among([]string{table}))
			if err != nil {
				return err
			}
			if leaders == 0 {
				return errNotLeader
			}
		}
		for _, p := range all {
			if err := n.conn.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s DROP PARTITION %s`, s.table(table), p.text)); err != nil {
				return fmt.Errorf("drop the partition %s of %s: %w", p.text, table, err)
			}
		}
		return nil
	})
}
