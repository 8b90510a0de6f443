package storecopy

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// cutter cuts the contents of an hour into batches. The same hour is always cut
// in the same way, though a store may yield requests with the same start in any
// order. It has at most one open batch of each stream.
type cutter struct {
	source uint64
	hour   hour
	take   func(*wire.Batch) error
	open   map[stream]*openBatch
}

// openBatch is a batch of a stream that is being filled.
type openBatch struct {
	*wire.Builder
	entries, bytes int
	number         int // how many batches of the stream came before it
}

// maxBytes limits a batch's bytes, of which its head needs some, too.
const maxBytes = wire.MaxBytes - 1<<10

// entryBytes is an upper bound on the size of an entry without its texts and
// histogram.
const entryBytes = 96

// room returns the builder to which one more entry of a stream can be added. The
// entry takes at most so many bytes, and a batch of the stream has at most limit entries.
func (c *cutter) room(s stream, limit, bytes int) (*wire.Builder, error) {
	k := c.open[s]
	if k == nil {
		k = &openBatch{Builder: wire.NewBuilder()}
		c.open[s] = k
	}
	if k.entries == limit || k.bytes+bytes > maxBytes {
		if err := c.cut(s, k); err != nil {
			return nil, err
		}
		*k = openBatch{Builder: wire.NewBuilder(), number: k.number + 1}
	}
	k.entries++
	k.bytes += bytes
	return k.Builder, nil
}

// cut passes on the contents of an open batch.
func (c *cutter) cut(s stream, k *openBatch) error {
	number, err := sequence(c.source, s, c.hour, k.number)
	if err != nil {
		return err
	}
	b := k.Batch(s.instance, number)
	if err := b.Validate(); err != nil {
		return fmt.Errorf("the hour from %v contains an invalid batch: %w", c.hour, err)
	}
	return c.take(b)
}

// end passes on the batches that are left.
func (c *cutter) end() error {
	streams := slices.SortedFunc(maps.Keys(c.open), func(a, b stream) int {
		return cmp.Or(strings.Compare(a.instance, b.instance), compareBools(a.health, b.health))
	})
	for _, s := range streams {
		if err := c.cut(s, c.open[s]); err != nil {
			return err
		}
	}
	return nil
}

func (c *cutter) requests(records iter.Seq2[*store.Record, error]) error {
	return inOrder(records, func(r *store.Record) int64 { return r.Start }, compareRequests, func(r *store.Record) error {
		bytes := entryBytes + len(r.Service) + len(r.Endpoint) + len(r.Method) + len(r.User) + len(r.Version) + len(r.Error)
		b, err := c.room(stream{instance: r.Instance}, wire.MaxRequests, bytes)
		if err != nil {
			return err
		}
		request := *r
		request.Instance = "" // the batch's
		b.Add(&request)
		return nil
	})
}

// drops puts the counts at the beginning of the hour: stores know only the hour.
func (c *cutter) drops(counts map[dropped]uint64) error {
	for _, d := range slices.SortedFunc(maps.Keys(counts), dropped.compare) {
		b, err := c.room(stream{instance: dropsInstance(c.source)}, wire.MaxDrops, entryBytes+len(d.service))
		if err != nil {
			return err
		}
		b.AddDrop(wire.Drop{Service: d.service, Reason: d.reason, At: c.hour.window().From, Count: counts[d]})
	}
	return nil
}

func (c *cutter) health(records iter.Seq2[*store.HealthRecord, error]) error {
	return inOrder(records, func(r *store.HealthRecord) int64 { return r.From }, compareHealth, func(r *store.HealthRecord) error {
		bytes := entryBytes + len(r.Service) + len(r.Check) + len(r.Reason) + len(r.Details) + len(r.Latency.AppendBinary(nil))
		b, err := c.room(stream{r.Instance, true}, wire.MaxHealth, bytes)
		if err != nil {
			return err
		}
		b.AddHealth(r.HealthResult)
		return nil
	})
}
