package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// A copied batch is known by its instance, which is that of its requests, and a
// sequence number that follows from what it is. From the highest bit down:
//
//	 1 bit   1, which no sender that counts from 1 gets to
//	23 bits  where it comes from (location)
//	 1 bit   0 requests and drops, 1 health results
//	 1 bit   0 the first batch of its instance in its hour, 1 another
//	38 bits  which one
//
// Stores remember runs of numbers, of each instance 4,096 at most. First batches
// are numbered by the hour, so those of hours in a row are one run. How many more
// an hour has is not known, so their numbers cannot follow each other everywhere:
// each hour has room for moreBatches, and odd hours are numbered up from the
// beginning of their room, even ones down from its end. So two hours touch, and a
// year of hours with several batches each is 4,380 runs, where a run for
// each hour would be twice that. A run for each place in the hour would be many more where
// traffic comes and goes.
const (
	copiedBit   = 1 << 63
	sourceShift = 40
	sourceBits  = 23
	healthBit   = 1 << 39
	moreBit     = 1 << 38
	roomBits    = 11
	moreBatches = 1 << roomBits
)

// sourceNumber is a location's part of the sequence numbers.
func sourceNumber(location string) uint64 {
	sum := sha256.Sum256([]byte(location))
	return binary.BigEndian.Uint64(sum[:]) >> (64 - sourceBits)
}

// stream is what an hour's batches are made of: each holds one kind of one instance's.
type stream struct {
	instance string
	health   bool
}

// sequence numbers the n-th batch, from 0, of a stream in an hour.
func sequence(source uint64, s stream, h hour, n int) (uint64, error) {
	number := copiedBit | source<<sourceShift
	if s.health {
		number |= healthBit
	}
	place := uint64(h)
	switch more := uint64(n - 1); {
	case n == 0:
	case more >= moreBatches:
		return 0, fmt.Errorf("the hour from %v holds more of %q than can be copied: %d batches", h, s.instance, moreBatches)
	case h%2 == 1:
		place = moreBit | place<<roomBits + more
	default:
		place = moreBit | (place+1)<<roomBits - 1 - more
	}
	return number | place, nil
}

// dropsInstance is whose the copied counts of dropped requests are: stores do
// not tell who dropped them.
func dropsInstance(source uint64) string { return fmt.Sprintf("copy-%06x", source) }

// cutter cuts what an hour holds into batches. The same hour is always cut in the
// same way, though a store may give requests of one start in any order. It has at
// most one batch of each stream at a time.
type cutter struct {
	source uint64
	hour   hour
	take   func(*wire.Batch) error
	open   map[stream]*chunk
}

// chunk is a stream's batch that is being filled.
type chunk struct {
	*wire.Builder
	entries, bytes int
	number         int // of batches before it
}

// maxChunk bounds a batch's bytes, of which its head needs some, too.
const maxChunk = wire.MaxBytes - 1<<10

// bound is more bytes than an entry takes beside its texts and histogram.
const bound = 64

// room returns where to put one more entry, which takes some bytes at most, of a
// stream that has a limit of entries in a batch.
func (c *cutter) room(s stream, limit, bytes int) (*wire.Builder, error) {
	k := c.open[s]
	if k == nil {
		k = &chunk{Builder: wire.NewBuilder()}
		c.open[s] = k
	}
	if k.entries == limit || k.bytes+bytes > maxChunk {
		if err := c.cut(s, k); err != nil {
			return nil, err
		}
		*k = chunk{Builder: wire.NewBuilder(), number: k.number + 1}
	}
	k.entries++
	k.bytes += bytes
	return k.Builder, nil
}

// cut gives away what a chunk holds.
func (c *cutter) cut(s stream, k *chunk) error {
	number, err := sequence(c.source, s, c.hour, k.number)
	if err != nil {
		return err
	}
	b := k.Batch(s.instance, number)
	if err := b.Validate(); err != nil {
		return fmt.Errorf("the hour from %v holds what no store takes: %w", c.hour, err)
	}
	return c.take(b)
}

// end gives away what is left.
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
		bytes := bound + len(r.Service) + len(r.Endpoint) + len(r.Method) + len(r.User)
		b, err := c.room(stream{instance: r.Instance}, wire.MaxRequests, bytes)
		if err != nil {
			return err
		}
		b.Add(&r.Request)
		return nil
	})
}

// drops puts the counts at the beginning of the hour: within it, it is not known
// when they were.
func (c *cutter) drops(counts map[string]uint64) error {
	for _, service := range slices.Sorted(maps.Keys(counts)) {
		b, err := c.room(stream{instance: dropsInstance(c.source)}, wire.MaxDrops, bound+len(service))
		if err != nil {
			return err
		}
		b.AddDrop(wire.Drop{Service: service, At: c.hour.window().From, Count: counts[service]})
	}
	return nil
}

func (c *cutter) health(records iter.Seq2[*store.HealthRecord, error]) error {
	return inOrder(records, func(r *store.HealthRecord) int64 { return r.From }, compareHealth, func(r *store.HealthRecord) error {
		bytes := bound + len(r.Service) + len(r.Check) + len(r.Reason) + len(r.Details) + len(r.Latency.AppendBinary(nil))
		b, err := c.room(stream{r.Instance, true}, wire.MaxHealth, bytes)
		if err != nil {
			return err
		}
		b.AddHealth(r.HealthResult)
		return nil
	})
}

// inOrder calls f with records that come by instant, those of one instant in an
// order of their own. It holds only these.
func inOrder[R any](records iter.Seq2[*R, error], instant func(*R) int64, compare func(a, b *R) int, f func(*R) error) error {
	var equal []R
	var order []*R
	flush := func() error {
		for i := range equal {
			order = append(order, &equal[i])
		}
		slices.SortFunc(order, compare)
		for _, r := range order {
			if err := f(r); err != nil {
				return err
			}
		}
		equal, order = equal[:0], order[:0]
		return nil
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		if len(equal) > 0 && instant(&equal[0]) != instant(r) {
			if err := flush(); err != nil {
				return err
			}
		}
		equal = append(equal, *r)
	}
	return flush()
}

// compareRequests orders requests of one start. Those of several instances go
// into several batches, so they need no order.
func compareRequests(a, b *store.Record) int {
	return cmp.Or(
		cmp.Compare(a.Duration, b.Duration),
		cmp.Compare(a.Size, b.Size),
		cmp.Compare(a.FirstByte, b.FirstByte),
		cmp.Compare(a.Lifetime, b.Lifetime),
		cmp.Compare(a.Status, b.Status),
		strings.Compare(a.User, b.User),
		strings.Compare(a.Endpoint, b.Endpoint),
		strings.Compare(a.Method, b.Method),
		strings.Compare(a.Service, b.Service),
	)
}

func compareHealth(a, b *store.HealthRecord) int {
	return cmp.Or(
		strings.Compare(a.Service, b.Service),
		strings.Compare(a.Check, b.Check),
		cmp.Compare(a.To, b.To),
		cmp.Compare(a.Status, b.Status),
		compareBools(a.Flapping, b.Flapping),
		compareBools(a.Critical, b.Critical),
		cmp.Compare(a.Failures, b.Failures),
		strings.Compare(a.Reason, b.Reason),
		strings.Compare(a.Details, b.Details),
		bytes.Compare(a.Latency.AppendBinary(nil), b.Latency.AppendBinary(nil)),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
