package chstore

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// levels are the levels of kymo_rollups. Pieces have all of them, groups only the
// finest.
var levels = rollup.ServerLevels

// The numbers of the levels.
const (
	level5m uint8 = iota
	level1h
	level1d
)

// The columns of a query for histograms: step, series and parts. A map is a tuple,
// which the outer query takes apart.
const (
	mergedColumns = `step, k1, k2, k3, k4, c1, c2, c3, c4, c5, c6, buckets.1, buckets.2`
	seriesColumns = `service, endpoint, method, status_code`
	mergedSums    = `sum(requests) AS c1, sum(zeros) AS c2, sum(sum_high) AS c3, sum(sum_low) AS c4, min(least) AS c5, max(most) AS c6, sumMap(bucketsMap.idx, bucketsMap.cnt) AS buckets`
)

// addSums adds the sums of spans in pieces or groups.
func (s *Store) addSums(ctx context.Context, sh *shard, a *answer, number string, numbers []uint64, runs []cover.Run) error {
	wanted := make([]string, len(runs))
	for i, run := range runs {
		wanted[i] = fmt.Sprintf("(level = %d AND span >= %d AND span < %d)", run.Level, run.First, run.End)
	}
	sql := fmt.Sprintf(`SELECT %s AS step, %s, %s FROM %s WHERE %s IN (SELECT number FROM wanted) AND %s AND (%s)%s GROUP BY step, k1, k2, k3, k4`,
		a.stepOf(spanStart), a.keys(), mergedSums, s.table(rollupsTable), number, since(a.query.From), strings.Join(wanted, " OR "),
		filters(&a.query.Filter))
	return s.addMerged(ctx, sh, a, question{sql: sql, table: rollupsTable, wanted: numbers})
}

// addRest adds the requests at the two ends of the window that no stored span covers.
func (s *Store) addRest(ctx context.Context, sh *shard, a *answer, rest []rollup.Window) error {
	wanted := make([]string, len(rest))
	for i, w := range rest {
		wanted[i] = "(" + startsIn(w) + ")"
	}
	// Counted by bucket, and then combined like stored sums.
	sql := fmt.Sprintf(`SELECT step, k1, k2, k3, k4, sum(n) AS c1, sumIf(n, bucket = %[2]d) AS c2, sum(high) AS c3, sum(low) AS c4, min(least) AS c5, max(most) AS c6,
		sumMapIf([bucket], [n], bucket != %[2]d) AS buckets FROM (
			SELECT %[8]s AS step, %[1]s, bucket, count() AS n, sum(toUInt64(bitShiftRight(duration_ns, 32))) AS high,
				sum(toUInt64(bitAnd(duration_ns, 4294967295))) AS low, min(duration_ns) AS least, max(duration_ns) AS most
			FROM %[3]s WHERE %[4]s AND (%[5]s) AND %[6]s%[7]s GROUP BY step, k1, k2, k3, k4, bucket
		) GROUP BY step, k1, k2, k3, k4`, a.keys(), noBucket, s.table(requestsTable), since(a.query.From),
		strings.Join(wanted, " OR "), a.snap.counting(), filters(&a.query.Filter), a.stepOf(startMillis))
	return s.addMerged(ctx, sh, a, question{sql: sql, table: requestsTable})
}

// keys returns the columns of a series, or of the merged series that the query wants.
func (a *answer) keys() string {
	if a.query.Coarse {
		return fmt.Sprintf(`'' AS k1, if(endpoint = %s, endpoint, '') AS k2, '' AS k3, status_code AS k4`, quote(wire.Other))
	}
	return `service AS k1, endpoint AS k2, method AS k3, status_code AS k4`
}

// mergedRow is a histogram that a shard has merged.
type mergedRow struct {
	place
	parts hist.Parts
}

// addMerged adds the rows of a query for histograms.
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
		if a.of(r.place).Durations.MergeParts(&r.parts) != nil {
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
	err := rows.Scan(&r.step, &r.key.Service, &r.key.Endpoint, &r.key.Method, &status, &p.Count, &p.Zeros, &p.SumHigh, &p.SumLow,
		&p.Min, &p.Max, &p.Index, &p.Counts)
	r.key.Status = int(status)
	return &r, err
}

// filters returns the filter as further conditions.
func filters(by *store.Filter) string {
	var b strings.Builder
	for column, value := range by.Columns() {
		fmt.Fprintf(&b, " AND %s = %s", column, quote(value))
	}
	return b.String()
}

// startsIn returns the condition for requests that start in a window.
func startsIn(w rollup.Window) string {
	return fmt.Sprintf("span >= %[1]d AND span <= %[2]d AND %[3]s >= %[4]d AND %[3]s < %[5]d",
		w.From/spanMillis, w.To/spanMillis, startMillis, w.From, w.To)
}
