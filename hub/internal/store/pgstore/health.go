package pgstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

const insertHealth = `INSERT INTO ` + healthTable + ` (service_name, status, details, checked_at, began_at, failures,
	instance_id, flapping, critical, service, check_name, reason, details_text, latency)
	VALUES ($1, $2, $3::text::jsonb, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

func queueHealth(batch *pgx.Batch, fresh []copySource, from int64) {
	for _, source := range fresh {
		for i := range source.batch.Health {
			h := &source.batch.Health[i]
			if h.To < from {
				continue
			}
			details, text := jsonb(h.Details)
			var latency []byte
			if h.Latency.Count() > 0 {
				latency = h.Latency.AppendBinary(nil)
			}
			batch.Queue(insertHealth, h.Name(), h.Status.String(), details, time.UnixMilli(h.To).UTC(), time.UnixMilli(h.From).UTC(),
				int64(h.Failures), source.instance, h.Flapping, h.Critical, h.Service, h.Check, h.Reason, text, latency)
		}
	}
}

// jsonb returns details as JSONB can store them: without NUL characters, and without
// numbers that are larger than it allows. JSONB does not keep white space, order and
// repeated keys; where that would change the details, text has the original.
func jsonb(details string) (value, text *string) {
	if details == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(details))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, &details // the wire format lets no such details pass
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(fit(v)) != nil { // what was decoded can be encoded
		return nil, &details
	}
	plain := strings.TrimSuffix(b.String(), "\n")
	return &plain, &details
}

// JSONB writes numbers in full, 1e99999 with all of its zeros, so numbers with more
// digits or a larger exponent become strings.
const (
	mostDigits  = 40
	mostDecades = 100
)

func plainNumber(n json.Number) bool {
	_, exponent, found := strings.Cut(strings.ToLower(n.String()), "e")
	decades, err := strconv.Atoi(exponent)
	return len(n) <= mostDigits && (!found || err == nil && decades >= -mostDecades && decades <= mostDecades)
}

func fit(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case json.Number:
		if plainNumber(v) {
			return v
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = fit(v[i])
		}
		return v
	case map[string]any:
		w := make(map[string]any, len(v))
		for key, value := range v {
			w[strings.ReplaceAll(key, "\x00", "\uFFFD")] = fit(value)
		}
		return w
	}
	return v
}

// healthWindow is the condition for rows that overlap the window from $1 to $2; $3 is
// the latest instant at which such a row can end.
const healthWindow = `checked_at >= $1 AND checked_at < $3 AND began_at < $2`

func (s *Store) healthWindow(w rollup.Window) []any {
	w.From = max(w.From, s.pruned.Load())
	return []any{timestamp(w.From), timestamp(w.To), timestamp(min(w.To, wire.MaxStart) + wire.MaxSpan)}
}

// timestamp converts Unix milliseconds for PostgreSQL.
func timestamp(millis int64) time.Time {
	return time.UnixMilli(min(max(millis, 0), wire.MaxStart+wire.MaxSpan)).UTC()
}

// Health implements store.Store.
func (s *Store) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		if q.From > q.To {
			return
		}
		sql := `SELECT status, flapping, critical, began_at, checked_at, failures, service, check_name, reason,
			coalesce(details_text, ''), latency, coalesce((SELECT name FROM kymo_instances k WHERE k.id = instance_id), '') AS instance
			FROM ` + healthTable + ` WHERE ` + healthWindow
		args := s.healthWindow(q.Window)
		if q.Name != "" {
			sql, args = sql+` AND service_name = $4`, append(args, q.Name)
		}
		sql += ` ORDER BY began_at, service_name COLLATE "C", instance`
		var r store.HealthRecord
		var status string
		var from, to time.Time
		var failures int64
		var latency []byte
		each(s, ctx, yield, sql, args, []any{&status, &r.Flapping, &r.Critical, &from, &to, &failures, &r.Service, &r.Check,
			&r.Reason, &r.Details, &latency, &r.Instance}, func() (*store.HealthRecord, error) {
			record := r
			record.From, record.To, record.Failures = from.UnixMilli(), to.UnixMilli(), uint64(failures)
			var err error
			if record.Status, err = parseStatus(status); err == nil && latency != nil {
				record.Latency = hist.Histogram{}
				_, err = record.Latency.Decode(latency)
			}
			return &record, err
		})
	}
}

func parseStatus(text string) (health.Status, error) {
	for status := health.Unknown; status <= health.Down; status++ {
		if status.String() == text {
			return status, nil
		}
	}
	return health.Unknown, errDamaged
}

// HealthNames implements store.Store.
func (s *Store) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if w.From > w.To {
			return
		}
		var name string
		each(s, ctx, yield, `SELECT service_name FROM (SELECT DISTINCT service_name FROM `+healthTable+` WHERE `+healthWindow+`) names
			ORDER BY service_name COLLATE "C"`, s.healthWindow(w), []any{&name}, func() (string, error) { return name, nil })
	}
}

// errEnough ends the transaction of a caller that wants no more.
var errEnough = errors.New("the caller wants no more")

// each runs a query and yields what row makes of each of its rows.
func each[T any](s *Store, ctx context.Context, yield func(T, error) bool, sql string, args, into []any, row func() (T, error)) {
	var none T
	if s.closed.Load() {
		yield(none, store.ErrClosed)
		return
	}
	begun, ended := false, false
	var late error // an error after something was yielded, when it is too late to retry
	err := s.again(ctx, func() error {
		err := s.reading(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, sql, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				if err := rows.Scan(into...); err != nil {
					return err
				}
				v, err := row()
				if err != nil {
					return err
				}
				begun = true
				if ended = !yield(v, nil); ended {
					return errEnough
				}
			}
			return rows.Err()
		})
		if begun {
			late, err = err, nil
		}
		return err
	})
	if err = cmp.Or(err, late); err != nil && !ended {
		yield(none, s.classify(ctx, err))
	}
}
