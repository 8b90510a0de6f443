package chstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"golang.org/x/sync/errgroup"

	"github.com/kymohq/kymo/hist"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
)

// The levels of kymo_rollups: how long the spans are.
const (
	level5m uint8 = iota
	level1h
	level1d
)

// levelSpans is how many spans of five minutes make up one of a level.
var levelSpans = [...]int64{1, 12, 288}

// resolutions are the levels that pieces have; groups have the first only.
var resolutions = []cover.Resolution{
	{Length: spanMillis}, {Length: spanMillis * levelSpans[level1h]}, {Length: spanMillis * levelSpans[level1d]},
}

// Rollups yields what is known of each series, as store.Store says.
func (s *Store) Rollups(ctx context.Context, q store.Query) iter.Seq2[*rollup.Rollup, error] {
	return func(yield func(*rollup.Rollup, error) bool) {
		if s.closed.Load() {
			yield(nil, store.ErrClosed)
			return
		}
		a, err := s.ask(ctx, q)
		for err == nil && s.stillThere(ctx, a.query.From) == errPruned {
			a, err = s.ask(ctx, q)
		}
		if err != nil {
			yield(nil, s.classify(ctx, err))
			return
		}
		for _, r := range a.found {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// answer adds up the answer to a query for rollups.
type answer struct {
	query store.Query
	snap  *snapshot

	mu    sync.Mutex
	found map[rollup.Key]*rollup.Rollup
}

func (s *Store) ask(ctx context.Context, q store.Query) (*answer, error) {
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	q.From, q.To = max(q.From, snap.floor, 0), min(q.To, lastSecond*1000+1000)
	a := &answer{query: q, snap: snap, found: make(map[rollup.Key]*rollup.Rollup)}
	if q.From >= q.To {
		return a, nil
	}
	pieces, rest := cover.Window(q.Window, resolutions)
	groups, _ := cover.Window(q.Window, resolutions[:1])
	work, ctx := errgroup.WithContext(ctx)
	for _, sh := range s.shards {
		if numbers := snap.pieces(q.From); len(numbers) > 0 && len(pieces) > 0 {
			work.Go(func() error { return s.addSums(ctx, sh, a, "tier > 0 AND group_id = 0 AND piece", numbers, pieces) })
		}
		if len(snap.groups) > 0 && len(groups) > 0 {
			work.Go(func() error { return s.addSums(ctx, sh, a, "tier = 0 AND group_id", snap.groups, groups) })
		}
		if len(rest) > 0 {
			work.Go(func() error { return s.addRest(ctx, sh, a, rest) })
		}
	}
	work.Go(func() error { return s.addDrops(ctx, a) })
	return a, work.Wait()
}

// of returns the rollup of a series.
func (a *answer) of(k rollup.Key) *rollup.Rollup {
	r := a.found[k]
	if r == nil {
		r = &rollup.Rollup{Key: k}
		a.found[k] = r
	}
	return r
}

// What a question for histograms yields: series and parts. A map is a tuple, and
// is taken apart by whoever asks.
const (
	mergedColumns = seriesColumns + `, c1, c2, c3, c4, c5, c6, buckets.1, buckets.2`
	seriesColumns = `service, endpoint, method, status_code`
	mergedSums    = `sum(requests) AS c1, sum(zeros) AS c2, sum(sum_high) AS c3, sum(sum_low) AS c4, min(least) AS c5, max(most) AS c6, sumMap(bucketsMap.idx, bucketsMap.cnt) AS buckets`
)

// addSums adds the sums that pieces or groups have of spans.
func (s *Store) addSums(ctx context.Context, sh *shard, a *answer, number string, numbers []uint64, runs []cover.Run) error {
	wanted := make([]string, len(runs))
	for i, run := range runs {
		wanted[i] = fmt.Sprintf("(level = %d AND span >= %d AND span < %d)", run.Resolution, run.First, run.End)
	}
	sql := fmt.Sprintf(`SELECT %s, %s FROM %s WHERE %s IN (SELECT number FROM wanted) AND %s AND (%s)%s GROUP BY %s`,
		seriesColumns, mergedSums, s.table(rollupsTable), number, since(a.query.From), strings.Join(wanted, " OR "), filters(&a.query), seriesColumns)
	return s.addMerged(ctx, sh, a, question{sql: sql, table: rollupsTable, wanted: numbers})
}

// addRest adds the requests of the ragged ends.
func (s *Store) addRest(ctx context.Context, sh *shard, a *answer, rest []rollup.Window) error {
	wanted := make([]string, len(rest))
	for i, w := range rest {
		wanted[i] = "(" + startsIn(w) + ")"
	}
	// Counted by bucket, and then put together as if they had been summed up.
	sql := fmt.Sprintf(`SELECT %[1]s, sum(n) AS c1, sumIf(n, bucket = %[2]d) AS c2, sum(high) AS c3, sum(low) AS c4, min(least) AS c5, max(most) AS c6,
		sumMapIf([bucket], [n], bucket != %[2]d) AS buckets FROM (
			SELECT %[1]s, bucket, count() AS n, sum(toUInt64(bitShiftRight(duration_ns, 32))) AS high,
				sum(toUInt64(bitAnd(duration_ns, 4294967295))) AS low, min(duration_ns) AS least, max(duration_ns) AS most
			FROM %[3]s WHERE %[4]s AND (%[5]s) AND %[6]s%[7]s GROUP BY %[1]s, bucket
		) GROUP BY %[1]s`, seriesColumns, noBucket, s.table(requestsTable), since(a.query.From),
		strings.Join(wanted, " OR "), a.snap.counting(), filters(&a.query))
	return s.addMerged(ctx, sh, a, question{sql: sql, table: requestsTable})
}

// mergedRow is a histogram that a shard has merged.
type mergedRow struct {
	key   rollup.Key
	parts hist.Parts
}

// addMerged adds what a question for histograms yields.
func (s *Store) addMerged(ctx context.Context, sh *shard, a *answer, q question) error {
	q.snap, q.sql = a.snap, "SELECT "+mergedColumns+" FROM ("+q.sql+")"
	c, err := ask(ctx, s, sh, q, scanMerged)
	if err != nil {
		return err
	}
	var damaged error
	err = c.each(func(r *mergedRow) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.of(r.key).Durations.MergeParts(&r.parts) != nil {
			damaged = errDamaged
		}
		return damaged == nil
	})
	return cmp.Or(damaged, err)
}

func scanMerged(rows driver.Rows) (*mergedRow, error) {
	var r mergedRow
	var status int32
	p := &r.parts
	err := rows.Scan(&r.key.Service, &r.key.Endpoint, &r.key.Method, &status, &p.Count, &p.Zeros, &p.SumHigh, &p.SumLow,
		&p.Min, &p.Max, &p.Index, &p.Counts)
	r.key.Status = int(status)
	return &r, err
}

// filters are the query's, as further conditions.
func filters(q *store.Query) string {
	var b strings.Builder
	for _, f := range []struct{ column, value string }{{"service", q.Service}, {"endpoint", q.Endpoint}, {"method", q.Method}} {
		if f.value != "" {
			fmt.Fprintf(&b, " AND %s = %s", f.column, quote(f.value))
		}
	}
	return b.String()
}

// startsIn is the condition for requests that start in a window.
func startsIn(w rollup.Window) string {
	return fmt.Sprintf("span >= %d AND span <= %d AND toInt64(toUInt32(created_at)) * 1000 + created_ms >= %d AND toInt64(toUInt32(created_at)) * 1000 + created_ms < %d",
		w.From/spanMillis, w.To/spanMillis, w.From, w.To)
}
