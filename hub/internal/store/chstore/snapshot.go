package chstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// seal states that a piece stands for all groups of a span of seconds.
type seal struct {
	tier        uint8
	first, past int64
	piece       uint64
}

// notes are the contents of kymo_state, at a second.
type notes struct {
	now    int64 // the ledger's second
	floor  int64 // Unix ms; before it everything is forgotten
	epoch  int64 // how often the floor was moved back
	schema int64 // the version of the tables
	shards int64 // how many there are

	reckoned int64 // Unix ms; see store.Timekeeper
}

// snapshot is the groups and pieces that count at an instant.
type snapshot struct {
	notes
	chain   []seal
	sealed  int64    // the second up to which the chain reaches
	groups  []uint64 // committed, and not under a seal
	aborted []uint64 // everywhere
}

// snapshot reads the ledger.
func (s *Store) snapshot(ctx context.Context) (snap *snapshot, err error) {
	err = s.readAgain(ctx, s.ledger(), func(n *node) error {
		snap, err = s.snapshotAt(ctx, n)
		return err
	})
	if err == nil {
		s.heard(&snap.notes)
		err = s.knowsAll(snap.notes)
	}
	return snap, err
}

// heard follows what another hub may have noted.
func (s *Store) heard(n *notes) {
	s.pruned.Set(n.floor)
	s.reckoned.Store(n.reckoned)
}

func (s *Store) snapshotAt(ctx context.Context, n *node) (*snapshot, error) {
	snap := new(snapshot)
	var err error
	if snap.notes, err = s.notesAt(ctx, n); err != nil {
		return nil, err
	}
	if err := s.readSeals(ctx, n, snap); err != nil {
		return nil, err
	}
	return snap, s.readGroups(ctx, n, snap)
}

// stillThere fails if the store has meanwhile forgotten data from the instant (Unix ms)
// on: what was read since the snapshot may be incomplete.
func (s *Store) stillThere(ctx context.Context, from int64) error {
	found, err := s.notes(ctx)
	if err == nil {
		err = s.knowsAll(found)
	}
	if err == nil && found.floor > from {
		s.heard(&found)
		err = errPruned
	}
	return err
}

// notes reads the notes.
func (s *Store) notes(ctx context.Context) (found notes, err error) {
	err = s.readAgain(ctx, s.ledger(), func(n *node) (err error) {
		found, err = s.notesAt(ctx, n)
		return err
	})
	return found, err
}

// notesAt returns the notes that a server knows.
func (s *Store) notesAt(ctx context.Context, n *node) (found notes, err error) {
	err = n.conn.QueryRow(ctx, fmt.Sprintf(`SELECT toInt64(toUnixTimestamp(now())),
		maxIf(value + %d * toInt64(toUInt32OrZero(substring(key, %d))), key LIKE '%s%%'), maxIf(value, key = 'schema'),
		maxIf(value, key = 'shards'), maxIf(value, key = 'reckoned') FROM %s`,
		epochLength, len(floorKey)+1, floorKey, s.table(stateTable))).
		Scan(&found.now, &found.floor, &found.schema, &found.shards, &found.reckoned)
	found.epoch, found.floor = found.floor/epochLength, found.floor%epochLength
	return found, err
}

// The floor is noted under a key that ends in its epoch. What was noted is never changed,
// so the floor is the largest of the last epoch.
const (
	floorKey    = "pruned"
	epochLength = int64(1) << 44 // more than any floor
)

// noteFloor notes a floor in an epoch.
func (s *Store) noteFloor(ctx context.Context, epoch, floor int64) error {
	key := floorKey
	if epoch > 0 {
		key += strconv.FormatInt(epoch, 10)
	}
	return s.note(ctx, key, floor)
}

// knowsAll fails if shards were added after this hub started: it would leave out what
// they hold.
func (s *Store) knowsAll(found notes) error {
	if int(found.shards) > len(s.shards) {
		return fmt.Errorf("the tables are on %d shards, but this hub knows only %d: restart the hub", found.shards, len(s.shards))
	}
	return nil
}

var errPruned = errors.New("the beginning of the window was forgotten meanwhile")

// readSeals finds the chain of seals: where one ends, the next begins. Of several that
// begin there, the one of the highest tier is taken, and of these the one that was made
// first. So all hubs that see the same seals use the same chain. Another chain is as
// right, as long as the sums that it reads are there: the state of a group stays until
// every replica knows of a seal over it, and sums stay for an hour after a piece has
// replaced them (prune.go).
func (s *Store) readSeals(ctx context.Context, n *node, snap *snapshot) error {
	// There are many seals of minutes: only those that no seal of hours covers are read,
	// and some before them, as two hubs may have chosen different ones.
	table := s.table(sealsTable)
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT tier, first, past, piece FROM %s
		WHERE tier >= %d OR toUInt64(first) + %d >= (SELECT toUInt64(max(past)) FROM %s WHERE tier >= %d)`, table, tierHours, daySeconds, table, tierHours))
	if err != nil {
		return err
	}
	defer rows.Close()
	best := make(map[int64]seal)
	for rows.Next() {
		var x seal
		var first, past uint32
		if err := rows.Scan(&x.tier, &first, &past, &x.piece); err != nil {
			return err
		}
		x.first, x.past = int64(first), int64(past)
		if b, ok := best[x.first]; !ok || x.tier > b.tier || x.tier == b.tier && x.piece < b.piece {
			best[x.first] = x
		}
	}
	for x, ok := best[0]; ok; x, ok = best[snap.sealed] {
		snap.chain, snap.sealed = append(snap.chain, x), x.past
	}
	return rows.Err()
}

func (s *Store) readGroups(ctx context.Context, n *node, snap *snapshot) error {
	from := numbersFrom(snap.sealed)
	table := s.table(groupsTable)
	sql := fmt.Sprintf(`SELECT group_id, max(state) FROM (
			SELECT group_id, state FROM %s WHERE group_id >= %d
			UNION ALL
			SELECT group_id, state FROM %s WHERE group_id < %d AND state = %d
		) GROUP BY group_id`, table, from, table, from, stateAborted)
	return eachState(ctx, n, sql, func(number uint64, state uint8) {
		if state == stateCommitted {
			snap.groups = append(snap.groups, number)
		} else {
			snap.aborted = append(snap.aborted, number)
		}
	})
}

// undecided returns the groups from the end of the seals up to a second that are
// neither committed nor aborted. However old they are, their batches are not forgotten
// before they are.
func (s *Store) undecided(ctx context.Context, n *node, snap *snapshot, past int64) ([]uint64, error) {
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT group_id FROM %s WHERE day >= %s AND day <= %s AND group_id >= %d AND group_id < %d GROUP BY group_id`,
		s.table(batchesTable), dayText(snap.sealed), dayText(past), numbersFrom(snap.sealed), numbersFrom(past)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	decided := make(map[uint64]bool)
	for _, number := range slices.Concat(snap.groups, snap.aborted) {
		decided[number] = true
	}
	var open []uint64
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		if !decided[number] {
			open = append(open, number)
		}
	}
	return open, rows.Err()
}

// pieces returns the pieces of the chain that may hold something from an instant (Unix
// ms) on.
func (snap *snapshot) pieces(from int64) []uint64 {
	var pieces []uint64
	for _, x := range snap.chain {
		if x.past > earliest(from) {
			pieces = append(pieces, x.piece)
		}
	}
	return pieces
}

// ahead is how far in the future, in seconds, appended requests may start: the day that
// store.Store permits, and a margin.
const ahead = 25 * 3600

// earliest returns the second from which on groups may hold something from an instant
// (Unix ms) on.
func earliest(from int64) int64 { return from/1000 - ahead }

// counting returns the condition for rows whose group counts. The numbers are in the
// tables live and aborted.
func (snap *snapshot) counting() string {
	return fmt.Sprintf(`(group_id >= %d AND group_id IN (SELECT number FROM live) OR group_id < %d AND group_id NOT IN (SELECT number FROM aborted))`,
		numbersFrom(snap.sealed), numbersFrom(snap.sealed))
}

// since returns the condition for partitions that may hold something from an instant
// (Unix ms) on.
func since(from int64) string {
	return "day >= " + quote(dayOf(max(0, earliest(from))).Format("2006-01-02"))
}
