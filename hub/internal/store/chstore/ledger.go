package chstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// What the ledger says of a group; the larger holds. One that was announced only
// has no state.
const (
	confirmed uint8 = 1
	void      uint8 = 2
)

// The clocks of the protocol, in seconds by the ledger's clock.
const (
	// confirmWithin is how long after its second a group may be confirmed.
	confirmWithin = 10
	// staleAfter is when a group that is not confirmed may be declared void by
	// others. In between lies room for clocks of replicas that differ, and for a
	// confirmation under way.
	staleAfter = 25
)

// identity names a batch.
type identity struct {
	instance string
	sequence uint64
}

// announce notes the batches of a group.
func (s *Store) announce(ctx context.Context, number uint64, batches []identity) error {
	day := dayOf(secondOf(number))
	return s.insert(ctx, s.ledger(), batchesTable, func(b driver.Batch) error {
		for _, id := range batches {
			if err := b.Append(day, id.instance, id.sequence, number, s.hub); err != nil {
				return err
			}
		}
		return nil
	})
}

// declareVoid gives groups up, for all who read from now on. One more number,
// which no group has, makes each attempt a block of its own: that of an earlier
// one may be with a replica that has died, and the same again would not be kept.
func (s *Store) declareVoid(ctx context.Context, numbers ...uint64) error {
	since := s.now()
	if err := s.decide(ctx, void, append(numbers, newNumber(secondOf(numbers[0])))...); err != nil {
		return err
	}
	return s.spread(ctx, s.ledger(), since, groupsTable)
}

// confirmedEverywhere fails unless all replicas that are alive know that the
// groups are confirmed: what only one knows, others may yet declare void.
func (s *Store) confirmedEverywhere(ctx context.Context, groups []uint64) error {
	return s.everywhere(ctx, s.ledger(), []string{groupsTable}, func(ctx context.Context, n *node) error {
		with, err := withNumbers(ctx, numbers{"asked", groups})
		if err != nil {
			return err
		}
		known, err := count(with, n, fmt.Sprintf(`SELECT uniqExact(group_id) FROM %s WHERE state = %d AND group_id IN (SELECT number FROM asked)`,
			s.table(groupsTable), confirmed))
		if err == nil && known < uint64(len(groups)) {
			err = errBehind
		}
		return err
	})
}

// decide notes the state of groups.
func (s *Store) decide(ctx context.Context, state uint8, numbers ...uint64) error {
	return s.insert(ctx, s.ledger(), groupsTable, func(b driver.Batch) error {
		for _, number := range numbers {
			if err := b.Append(dayOf(secondOf(number)), state, number); err != nil {
				return err
			}
		}
		return nil
	})
}

// other is another group that announced one of a group's batches.
type other struct {
	number, hub uint64
	batches     []identity
	state       uint8
}

var errSameNumber = errors.New("another hub has given a group the same number")

// others finds the groups that announced one of a group's batches, too, and
// tells the ledger's time.
func (s *Store) others(ctx context.Context, number uint64, batches []identity) (found map[uint64]*other, now int64, err error) {
	err = s.read(ctx, s.ledger(), func(n *node) error {
		found, now, err = s.othersAt(ctx, n, number, batches)
		return err
	})
	return found, now, err
}

func (s *Store) othersAt(ctx context.Context, n *node, number uint64, batches []identity) (map[uint64]*other, int64, error) {
	ours, err := ext.NewTable("ours", ext.Column("instance", "String"), ext.Column("sequence", "UInt64"))
	if err != nil {
		return nil, 0, err
	}
	for _, id := range batches {
		if err := ours.Append(id.instance, id.sequence); err != nil {
			return nil, 0, err
		}
	}
	rows, err := n.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(ours)), fmt.Sprintf(`
		SELECT toUInt64(toUnixTimestamp(now())) AS group_id, toUInt64(0) AS hub, '' AS instance, toUInt64(0) AS sequence
		UNION ALL
		SELECT group_id, hub, instance, sequence FROM %s WHERE day >= today() - %d
		AND (instance, sequence) IN (SELECT instance, sequence FROM ours)`, s.table(batchesTable), identityDays))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	found, now := make(map[uint64]*other), int64(0)
	for rows.Next() {
		var o other
		var id identity
		if err := rows.Scan(&o.number, &o.hub, &id.instance, &id.sequence); err != nil {
			return nil, 0, err
		}
		switch {
		case o.hub == 0:
			now = int64(o.number)
			continue
		case o.number == number && o.hub != s.hub:
			return nil, 0, errSameNumber
		case o.number == number:
			continue
		}
		if found[o.number] == nil {
			found[o.number] = &o
		}
		found[o.number].batches = append(found[o.number].batches, id)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	return found, now, s.states(ctx, n, found)
}

// states reads how groups stand.
func (s *Store) states(ctx context.Context, n *node, groups map[uint64]*other) error {
	if len(groups) == 0 {
		return nil
	}
	ctx, err := withNumbers(ctx, numbers{"asked", slices.Collect(maps.Keys(groups))})
	if err != nil {
		return err
	}
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT group_id, max(state) FROM %s WHERE group_id IN (SELECT number FROM asked) GROUP BY group_id`, s.table(groupsTable)))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number uint64
		var state uint8
		if err := rows.Scan(&number, &state); err != nil {
			return err
		}
		groups[number].state = state
	}
	return rows.Err()
}

// numbers are a table of that name, with the column number, which goes along with
// a query. Written into the query, thousands of them would be more than a server
// parses.
type numbers struct {
	table string
	all   []uint64
}

func withNumbers(ctx context.Context, tables ...numbers) (context.Context, error) {
	var sent []*ext.Table
	for _, n := range tables {
		t, err := ext.NewTable(n.table, ext.Column("number", "UInt64"))
		if err != nil {
			return nil, err
		}
		if len(n.all) == 0 {
			n.all = []uint64{0} // which is none: an empty block would say that no more tables follow
		}
		for _, number := range n.all {
			if err := t.Append(number); err != nil {
				return nil, err
			}
		}
		sent = append(sent, t)
	}
	return clickhouse.Context(ctx, clickhouse.WithExternalTable(sent...)), nil
}

// seal says that a piece stands for all groups of a span of seconds.
type seal struct {
	tier        uint8
	first, past int64
	piece       uint64
}

// snapshot is what counts, at an instant.
type snapshot struct {
	now    int64 // the ledger's second
	floor  int64 // Unix ms; before it everything is forgotten
	chain  []seal
	sealed int64    // the second up to which the chain reaches
	groups []uint64 // confirmed, and not under a seal
	voids  []uint64 // everywhere
}

// snapshot reads the ledger.
func (s *Store) snapshot(ctx context.Context) (snap *snapshot, err error) {
	err = s.readAgain(ctx, s.ledger(), func(n *node) error {
		snap, err = s.snapshotAt(ctx, n)
		return err
	})
	if err == nil {
		s.raise(snap.floor)
	}
	return snap, err
}

func (s *Store) snapshotAt(ctx context.Context, n *node) (*snapshot, error) {
	snap := new(snapshot)
	if err := n.conn.QueryRow(ctx, fmt.Sprintf(`SELECT toInt64(toUnixTimestamp(now())), max(value) FROM %s WHERE key = 'pruned'`,
		s.table(stateTable))).Scan(&snap.now, &snap.floor); err != nil {
		return nil, err
	}
	if err := s.readSeals(ctx, n, snap); err != nil {
		return nil, err
	}
	return snap, s.readGroups(ctx, n, snap)
}

// stillThere fails if somebody has forgotten meanwhile what is not before the instant
// (Unix ms): what was read since the snapshot may lack a part of it.
func (s *Store) stillThere(ctx context.Context, from int64) error {
	var floor int64
	err := s.readAgain(ctx, s.ledger(), func(n *node) (err error) {
		floor, err = s.floorAt(ctx, n)
		return err
	})
	if err == nil && floor > from {
		s.raise(floor)
		err = errPruned
	}
	return err
}

// floorAt is how far was pruned (Unix ms), as a server knows.
func (s *Store) floorAt(ctx context.Context, n *node) (floor int64, err error) {
	err = n.conn.QueryRow(ctx, fmt.Sprintf(`SELECT max(value) FROM %s WHERE key = 'pruned'`, s.table(stateTable))).Scan(&floor)
	return floor, err
}

var errPruned = errors.New("the beginning of the window was forgotten meanwhile")

// readSeals finds the chain of seals: from where one ends, the next is taken
// that begins there. Of several that begin there the highest tier is taken, and
// of these the one that was made first. Everyone who looks at the same seals so
// takes the same, and any chain is right: what it does not reach is read from
// the groups.
func (s *Store) readSeals(ctx context.Context, n *node, snap *snapshot) error {
	// Of minutes there are many: only those are of interest that no hours stand for,
	// and some before, as two hubs may have chosen different ones.
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
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT group_id, max(state) FROM (
			SELECT group_id, state FROM %s WHERE group_id >= %d
			UNION ALL
			SELECT group_id, state FROM %s WHERE group_id < %d AND state = %d
		) GROUP BY group_id`, table, from, table, from, void))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number uint64
		var state uint8
		if err := rows.Scan(&number, &state); err != nil {
			return err
		}
		if state == confirmed {
			snap.groups = append(snap.groups, number)
		} else {
			snap.voids = append(snap.voids, number)
		}
	}
	return rows.Err()
}

// unsettled reads which groups up to a second are neither confirmed nor void.
func (s *Store) unsettled(ctx context.Context, n *node, snap *snapshot, past int64) ([]uint64, error) {
	rows, err := n.conn.Query(ctx, fmt.Sprintf(`SELECT group_id FROM %s WHERE day >= today() - %d AND group_id >= %d AND group_id < %d GROUP BY group_id`,
		s.table(batchesTable), identityDays, numbersFrom(snap.sealed), numbersFrom(past)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	settled := make(map[uint64]bool)
	for _, number := range slices.Concat(snap.groups, snap.voids) {
		settled[number] = true
	}
	var open []uint64
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		if !settled[number] {
			open = append(open, number)
		}
	}
	return open, rows.Err()
}

// pieces are the pieces of the chain that may hold something from an instant
// (Unix ms) on.
func (snap *snapshot) pieces(from int64) []uint64 {
	var pieces []uint64
	for _, x := range snap.chain {
		if x.past > earliest(from) {
			pieces = append(pieces, x.piece)
		}
	}
	return pieces
}

// ahead is how far in the future, in seconds, requests may start that are taken:
// a day, as who takes them in says, and a bit.
const ahead = 25 * 3600

// earliest is the second in which groups begin that may hold something from an
// instant (Unix ms) on.
func earliest(from int64) int64 { return from/1000 - ahead }

// counting is the condition for rows that carry a group's number to count. The
// numbers are in the tables live and voids.
func (snap *snapshot) counting() string {
	return fmt.Sprintf(`(group_id >= %d AND group_id IN (SELECT number FROM live) OR group_id < %d AND group_id NOT IN (SELECT number FROM voids))`,
		numbersFrom(snap.sealed), numbersFrom(snap.sealed))
}

// since is the condition for partitions that may hold something from an instant
// (Unix ms) on.
func since(from int64) string {
	return "day >= " + quote(dayOf(max(0, earliest(from))).Format("2006-01-02"))
}
