package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/internal/wire"
)

// write makes a group durable. If the server cancels a group for taking too long, it
// is written in halves.
func (s *Store) write(ctx context.Context, group []*gather.Call) error {
	err := s.commit(ctx, group)
	if lost(err) && !s.closed.Load() {
		s.pool.Reset() // the other connections are gone, too: the next attempt needs one
	}
	if state(err) != stateQueryCanceled || len(group) == 1 {
		return s.classify(ctx, err)
	}
	s.gatherer.Shrink()
	half := len(group) / 2
	for _, part := range [][]*gather.Call{group[:half], group[half:]} {
		err := s.write(ctx, part)
		if errors.Is(err, store.ErrUnavailable) && state(err) != stateQueryCanceled {
			return err // the whole group is retried; the half that was kept is known then
		}
		if err != nil {
			for _, c := range part {
				c.Fail(err)
			}
		}
	}
	return nil
}

// errForgotten means that something that the store remembers as present was dropped
// from the database meanwhile.
var errForgotten = errors.New("a row or partition was dropped meanwhile")

func (s *Store) commit(ctx context.Context, group []*gather.Call) error {
	return s.withConn(ctx, func(conn *pgxpool.Conn) error { return s.commitWith(ctx, conn, group) })
}

func (s *Store) commitWith(ctx context.Context, conn *pgxpool.Conn, group []*gather.Call) (err error) {
	for range 3 {
		// Days before the pruned instant have no partition, and no query would return
		// their rows.
		from := s.pruned.Load() / dayMillis * dayMillis
		if err = s.try(ctx, conn, newPlan(group, from), from); !errors.Is(err, errForgotten) && state(err) != stateCheck {
			break
		}
		s.days.forget()
		s.known.forget()
		if err := s.restoreSeriesWith(ctx, conn); err != nil {
			return err
		}
		if err := s.readPrunedWith(ctx, conn); err != nil {
			return err
		}
	}
	return err
}

// plan is what must exist in the database before a group can be written.
type plan struct {
	group  []*gather.Call
	names  []string // of instances, in order
	others []string // of further instances, which requests came through; in order
	keys   map[rollup.Key]bool
	days   map[day]bool
}

func newPlan(group []*gather.Call, from int64) *plan {
	p := &plan{group: group, keys: make(map[rollup.Key]bool), days: make(map[day]bool)}
	names, others := make(map[string]bool), make(map[string]bool)
	for _, c := range group {
		for _, b := range c.Batches {
			names[b.Instance] = true
			used := make([]bool, len(b.Processes))
			for _, i := range b.Process {
				used[i] = true
			}
			for i, p := range b.Processes {
				if used[i] && p.Instance != "" {
					others[p.Instance] = true
				}
			}
			for _, k := range b.Keys {
				p.keys[k] = true
			}
			for _, d := range b.Drops {
				p.keys[d.Key()] = true
			}
			last := int64(math.MinInt64)
			for _, start := range b.Start {
				if number := start / dayMillis; number != last && start >= from {
					p.days[day{requestsTable, number}], last = true, number
				}
			}
			for i := range b.Health {
				if to := b.Health[i].To; to >= from {
					p.days[day{healthTable, to / dayMillis}] = true
				}
			}
		}
	}
	maps.DeleteFunc(others, func(name string, _ bool) bool { return names[name] })
	p.names, p.others = slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Keys(others))
	return p
}

func (s *Store) try(ctx context.Context, conn *pgxpool.Conn, p *plan, from int64) error {
	if err := s.makeInstances(ctx, conn, slices.Concat(p.names, p.others)); err != nil {
		return err
	}
	ids, err := s.number(ctx, conn, p.keys)
	if err != nil {
		return err
	}
	if err := s.makeDays(ctx, conn, p.days); err != nil {
		return err
	}
	return s.writingWith(ctx, conn, func(tx pgx.Tx) error {
		instances, err := lockInstances(ctx, tx, p.names)
		if err != nil {
			return err
		}
		whole, err := ids.exist(ctx, tx)
		if err != nil {
			return err
		}
		others, err := s.processInstances(ctx, tx, p.others)
		if err != nil {
			return err
		}
		if !whole || len(instances) < len(p.names) || len(others) < len(p.others) {
			return errForgotten
		}
		fresh := admit(p.group, instances, others)
		if len(fresh) == 0 {
			return nil
		}
		return s.keep(ctx, tx, &writeSet{fresh, ids, from}, instances)
	})
}

// admit returns the batches that are new, and adds them to what the instances
// remember.
func admit(group []*gather.Call, instances map[string]*instance, others map[string]int64) (fresh []copySource) {
	for _, c := range group {
		if c.Failed() {
			continue // in an earlier attempt
		}
		if name, full := tooManyGaps(c, instances); full {
			c.Fail(fmt.Errorf("%w: it remembers too many gaps in the sequence of %q", store.ErrFull, name))
			continue
		}
		for i, b := range c.Batches {
			in := instances[b.Instance]
			if in.numbers.Has(b.Sequence) {
				continue
			}
			in.numbers.Add(b.Sequence)
			in.changed, c.Fresh[i] = true, true
			fresh = append(fresh, copySource{b, in.id, numberProcesses(b, instances, others)})
		}
	}
	return fresh
}

// numberProcesses returns the number of the instance of each of a batch's processes.
func numberProcesses(b *wire.Batch, instances map[string]*instance, others map[string]int64) []int64 {
	if len(b.Processes) == 0 {
		return nil
	}
	ids := make([]int64, len(b.Processes))
	for i, p := range b.Processes {
		name := cmp.Or(p.Instance, b.Instance)
		if in := instances[name]; in != nil {
			ids[i] = in.id
		} else {
			ids[i] = others[name] // 0 of one that no request has
		}
	}
	return ids
}

func tooManyGaps(c *gather.Call, instances map[string]*instance) (name string, full bool) {
	for _, b := range c.Batches {
		set := &instances[b.Instance].numbers
		if set.Runs()+len(c.Batches) > maxGaps && !set.Has(b.Sequence) && set.Grows(b.Sequence) {
			return b.Instance, true
		}
	}
	return "", false
}

// writeSet is what a transaction writes: new batches, from an instant on.
type writeSet struct {
	fresh []copySource
	ids   seriesIDs
	from  int64
}

// keep writes requests, sums, health results, and the batches' identities.
func (s *Store) keep(ctx context.Context, tx pgx.Tx, w *writeSet, instances map[string]*instance) error {
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, newCopier(w.fresh, w.from), copyRequests); err != nil {
		return err
	}
	var batch pgx.Batch
	// With this off, the server would acknowledge what it may lose.
	batch.Queue(`SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`)
	w.queuePages(&batch)
	queueHealth(&batch, w.fresh, w.from)
	var ids []int64
	var numbers [][]byte
	for _, in := range instances {
		if in.changed {
			ids, numbers = append(ids, in.id), append(numbers, in.numbers.AppendBinary(nil))
		}
	}
	batch.Queue(`UPDATE kymo_instances SET numbers = given.numbers, seen_at = $3
		FROM unnest($1::bigint[], $2::bytea[]) AS given (id, numbers) WHERE kymo_instances.id = given.id`, ids, numbers, s.latest())
	return tx.SendBatch(ctx, &batch).Close()
}

func (w *writeSet) queuePages(batch *pgx.Batch) {
	var sums sums
	for _, source := range w.fresh {
		w.sum(&sums, source.batch)
	}
	pages := sums.pages()
	if len(pages) == 0 {
		return
	}
	level, start, page := make([]int16, len(pages)), make([]int64, len(pages)), make([][]byte, len(pages))
	for i, p := range pages {
		level[i], start[i], page[i] = p.level, p.start, p.page
	}
	batch.Queue(`INSERT INTO kymo_pages (level, start, page) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])`, level, start, page)
}

// sum adds a batch to the sums that become pages.
func (w *writeSet) sum(sums *sums, b *wire.Batch) {
	ids := make([]uint32, len(b.Keys))
	for i, k := range b.Keys {
		ids[i] = w.ids[k]
	}
	for i, start := range b.Start {
		if start >= w.from {
			sums.start, sums.duration = append(sums.start, start), append(sums.duration, b.Duration[i])
			sums.series = append(sums.series, ids[b.Key[i]])
		}
	}
	for _, d := range b.Drops {
		if d.Count > 0 && d.At >= w.from {
			sums.drops = append(sums.drops, drop{d.At, w.ids[d.Key()], d.Count})
		}
	}
}
