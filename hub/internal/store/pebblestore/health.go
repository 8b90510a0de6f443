package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// healthRow is a health result as one key and value in Pebble. The value is a wire
// batch with this result alone, so that it has a version and the decoder of batches
// reads it.
type healthRow struct {
	name     string
	from, to int64
	key      []byte
	value    []byte
}

// healthWeight is the minimum number of requests as which a health result counts in
// memory. One with long texts or a wide histogram counts as the number that would take
// as many bytes.
const (
	healthWeight = 8
	requestBytes = 64
)

func (r *healthRow) weight() int {
	return healthWeight + (len(r.key)+len(r.value))/requestBytes
}

func newHealthRow(b *wire.Batch, i int) healthRow {
	h := &b.Health[i]
	one := wire.Batch{Instance: b.Instance, Sequence: b.Sequence, Health: b.Health[i : i+1]}
	r := healthRow{from: h.From, to: h.To, value: one.AppendBinary(nil)}
	r.key = append(keyHealth(h.Name(), h.From), b.Instance...)
	r.key = binary.BigEndian.AppendUint64(append(r.key, 0), b.Sequence)
	r.key = binary.BigEndian.AppendUint32(r.key, uint32(i))
	r.name = healthName(r.key)
	return r
}

// healthName returns a copy of the check's name in a key.
func healthName(key []byte) string {
	return string(key[1 : 1+bytes.IndexByte(key[1:], 0)])
}

// healthFrom returns the beginning of a result's span in its key.
func healthFrom(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key[2+bytes.IndexByte(key[1:], 0):]))
}

func decodeHealth(value []byte, scratch *wire.Batch) (*store.HealthRecord, error) {
	if err := wire.Decode(value, scratch); err != nil {
		return nil, err
	}
	if len(scratch.Health) != 1 {
		return nil, errors.New("pebblestore: a health row without its result")
	}
	return &store.HealthRecord{HealthResult: scratch.Health[0], Instance: scratch.Instance}, nil
}

// Health yields the health results that the query selects, ordered by the beginning of
// their span.
func (s *Store) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	return func(yield func(*store.HealthRecord, error) bool) {
		reread(ctx, s, yield, func(yield func(*store.HealthRecord, error) bool) error {
			v, err := s.view(q.Window, store.Filter{})
			if err != nil {
				return err
			}
			rows, err := v.healthRows(ctx, q)
			if err = errors.Join(err, v.close()); err != nil {
				return err
			}
			var scratch wire.Batch
			for i := range rows {
				r, err := decodeHealth(rows[i].value, &scratch)
				if err != nil {
					return err
				}
				if !yield(r, nil) {
					return nil
				}
			}
			return nil
		})
	}
}

// foundHealth is a result that answers a query. It stays encoded until it is
// yielded: a histogram of a few bytes may take kilobytes of memory.
type foundHealth struct {
	from       int64
	key, value []byte
}

// healthRows collects the answer to a query, in order.
func (v *view) healthRows(ctx context.Context, q store.HealthQuery) ([]foundHealth, error) {
	if q.From = v.window.From; q.From > q.To {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []foundHealth
	for _, rows := range v.health {
		for i := range rows {
			if r := &rows[i]; r.from < q.To && r.to >= q.From && (q.Name == "" || q.Name == r.name) {
				found = append(found, foundHealth{r.from, r.key, r.value})
			}
		}
	}
	var scratch wire.Batch
	err := v.eachHealthName(ctx, q.Name, func(name string) error {
		it := v.pages
		it.SetBounds(keyHealth(name, q.From-wire.MaxSpan), keyHealth(name, q.To))
		for more := it.First(); more; more = it.Next() {
			value, err := it.ValueAndErr()
			if err == nil {
				err = ctx.Err()
			}
			from := healthFrom(it.Key())
			if err == nil && from < q.From { // only then its end, which is not in the key, matters
				var r *store.HealthRecord
				if r, err = decodeHealth(value, &scratch); err == nil && r.To < q.From {
					continue
				}
			}
			if err != nil {
				return err
			}
			n := len(it.Key())
			row := slices.Concat(it.Key(), value)
			found = append(found, foundHealth{from, row[:n], row[n:]})
		}
		return it.Error()
	})
	// The rest of the key is the name and the instance, each followed by a zero byte,
	// which is less than any byte in them.
	slices.SortFunc(found, func(a, b foundHealth) int {
		return cmp.Or(cmp.Compare(a.from, b.from), bytes.Compare(a.key, b.key))
	})
	return found, err
}

// eachHealthName calls f with the given name, or with every name in Pebble if it is "".
func (v *view) eachHealthName(ctx context.Context, name string, f func(string) error) error {
	if name != "" {
		return f(name)
	}
	v.blocks.SetBounds([]byte{prefixHealth}, []byte{prefixHealth + 1})
	return eachName(v.blocks, func(name string) error {
		return errors.Join(f(name), ctx.Err())
	})
}

// eachName calls f with each name of the iterator's health results, seeking from
// one to the next.
func eachName(it *pebble.Iterator, f func(string) error) error {
	for more := it.First(); more; {
		name := healthName(it.Key())
		if err := f(name); err != nil {
			return err
		}
		more = it.SeekGE(keyHealthEnd(name))
	}
	return it.Error()
}

// HealthNames yields the names of the checks that have a result overlapping the window.
func (s *Store) HealthNames(ctx context.Context, w rollup.Window) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		reread(ctx, s, yield, func(yield func(string, error) bool) error {
			v, err := s.view(w, store.Filter{})
			if err != nil {
				return err
			}
			names, err := v.healthNames(ctx)
			if err = errors.Join(err, v.close()); err != nil {
				return err
			}
			for _, name := range names {
				if !yield(name, nil) {
					break
				}
			}
			return nil
		})
	}
}

func (v *view) healthNames(ctx context.Context) ([]string, error) {
	w := v.window
	if w.From > w.To {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var names []string
	for _, rows := range v.health {
		for i := range rows {
			if r := &rows[i]; r.from < w.To && r.to >= w.From {
				names = append(names, r.name)
			}
		}
	}
	err := v.eachHealthName(ctx, "", func(name string) error {
		touches, err := v.touches(name, w)
		if touches {
			names = append(names, name)
		}
		return err
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// touches reports whether a check has a result in Pebble that overlaps the window.
func (v *view) touches(name string, w rollup.Window) (bool, error) {
	it := v.pages
	it.SetBounds(keyHealth(name, w.From-wire.MaxSpan), keyHealth(name, w.To))
	var scratch wire.Batch
	// From the newest on: only one that begins before the window has to be decoded.
	for more := it.Last(); more; more = it.Prev() {
		if healthFrom(it.Key()) >= w.From {
			return true, nil
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return false, err
		}
		r, err := decodeHealth(value, &scratch)
		if err != nil || r.To >= w.From {
			return err == nil, err
		}
	}
	return false, it.Error()
}
