package drill

import (
	"bytes"
	"cmp"
	"math"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Position is a place in an order: behind Skip of the requests that have this
// start and duration. The zero Position is before all of them.
type Position struct {
	Start    int64 // Unix milliseconds
	Duration time.Duration
	Skip     int
}

// order compares two requests.
type order func(a, b *store.Record) int

func byStart(a, b *store.Record) int { return cmp.Compare(b.Start, a.Start) }

func byDuration(a, b *store.Record) int { return cmp.Compare(b.Duration, a.Duration) }

// newest puts the latest start first, slowest the longest duration. Requests
// that are equal in both are ordered by their other fields, so that the order
// does not depend on the store's.
func newest(a, b *store.Record) int {
	return cmp.Or(byStart(a, b), byDuration(a, b), rest(a, b))
}

func slowest(a, b *store.Record) int {
	return cmp.Or(byDuration(a, b), byStart(a, b), rest(a, b))
}

func rest(a, b *store.Record) int {
	if a.Key != b.Key {
		return rollup.CompareKeys(&a.Key, &b.Key)
	}
	return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Instance, b.Instance),
		cmp.Compare(a.Size, b.Size), cmp.Compare(a.FirstByte, b.FirstByte), cmp.Compare(a.Lifetime, b.Lifetime),
		cmp.Compare(a.Version, b.Version), cmp.Compare(a.Error, b.Error), bytes.Compare(a.Trace[:], b.Trace[:]))
}

// bound is what the position is compared with; of equal requests, none is before it.
func (p Position) bound() store.Record {
	if p == (Position{}) {
		p = Position{Start: math.MaxInt64, Duration: math.MaxInt64}
	}
	var r store.Record
	r.Start, r.Duration = p.Start, p.Duration
	return r
}

// same reports whether the request has the position's start and duration.
func (p Position) same(r *store.Record) bool { return r.Start == p.Start && r.Duration == p.Duration }

// after is the position behind the request, which follows this one.
func (p Position) after(r *store.Record) Position {
	if p.same(r) {
		p.Skip++
		return p
	}
	return Position{r.Start, r.Duration, 1}
}
