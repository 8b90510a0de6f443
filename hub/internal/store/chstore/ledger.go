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

// States of a group in the ledger; of several, the larger counts. A group that was only
// announced has no state.
const (
	stateCommitted uint8 = 1
	stateAborted   uint8 = 2
)

// The clocks of the protocol, in seconds by the ledger's clock.
const (
	// commitWithin is how long after its second a group may be committed.
	commitWithin = 10
	// staleAfter is how long after its second other hubs may abort a group that is not
	// committed. The difference leaves room for clocks that differ and for a commit under
	// way.
	staleAfter = 25
)

// identity names a batch.
type identity struct {
	instance string
	sequence uint64
}

// identityDays is how many days are searched for other groups with the same batch.
const identityDays = 10

// announce writes the batches of a group to the ledger.
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

// abort aborts groups, for all reads from now on. It adds a number that no group has,
// so that each attempt is a different block: the block of an earlier attempt may be on
// a replica that has died, and the same block would not be kept again.
func (s *Store) abort(ctx context.Context, numbers ...uint64) error {
	since := s.now()
	if err := s.decide(ctx, stateAborted, append(numbers, newNumber(secondOf(numbers[0])))...); err != nil {
		return err
	}
	return s.spread(ctx, s.ledger(), since, groupsTable)
}

// committedEverywhere fails unless all live replicas know that the groups are
// committed: what only one of them knows, other hubs may still abort.
func (s *Store) committedEverywhere(ctx context.Context, groups []uint64) error {
	return s.everywhere(ctx, s.ledger(), []string{groupsTable}, func(ctx context.Context, n *node) error {
		with, err := withNumbers(ctx, numbers{"asked", groups})
		if err != nil {
			return err
		}
		known, err := count(with, n, fmt.Sprintf(`SELECT uniqExact(group_id) FROM %s WHERE state = %d AND group_id IN (SELECT number FROM asked)`,
			s.table(groupsTable), stateCommitted))
		if err == nil && known < uint64(len(groups)) {
			err = errBehind
		}
		return err
	})
}

// decide writes the state of groups to the ledger.
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

var errSameNumber = errors.New("another hub's group has the same number")

// others returns the other groups that announced one of a group's batches, and the
// ledger's time.
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

// eachState reads numbers of groups and their states.
func eachState(ctx context.Context, n *node, sql string, f func(number uint64, state uint8)) error {
	rows, err := n.conn.Query(ctx, sql)
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
		f(number, state)
	}
	return rows.Err()
}

// states reads the states of groups.
func (s *Store) states(ctx context.Context, n *node, groups map[uint64]*other) error {
	if len(groups) == 0 {
		return nil
	}
	ctx, err := withNumbers(ctx, numbers{"asked", slices.Collect(maps.Keys(groups))})
	if err != nil {
		return err
	}
	sql := fmt.Sprintf(`SELECT group_id, max(state) FROM %s WHERE group_id IN (SELECT number FROM asked) GROUP BY group_id`, s.table(groupsTable))
	return eachState(ctx, n, sql, func(number uint64, state uint8) { groups[number].state = state })
}

// numbers is a table of that name, with the column number, that is sent along with a
// query. Thousands of numbers in the query itself would be more than a server parses.
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
			n.all = []uint64{0} // no group has this number; an empty block would mean that no more tables follow
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
