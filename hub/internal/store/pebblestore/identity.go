package pebblestore

import (
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// maxGaps bounds the runs remembered of one instance. Shippers send in order,
// so one run is the rule, and each batch given up adds one.
const maxGaps = 4096

// identity remembers which sequence numbers of an instance were kept: runs of
// consecutive ones, so that a week of batches a second apart is one run.
type identity struct {
	seen int64 // when a batch was last kept, Unix ms
	runs []run // in order, neither overlapping nor touching
}

// run is the numbers from first to last, both included.
type run struct{ first, last uint64 }

// find returns the place of the first run that ends at n or later.
func (id *identity) find(n uint64) int {
	return sort.Search(len(id.runs), func(i int) bool { return id.runs[i].last >= n })
}

// has says whether n was kept.
func (id *identity) has(n uint64) bool {
	i := id.find(n)
	return i < len(id.runs) && id.runs[i].first <= n
}

// add remembers n.
func (id *identity) add(n uint64) {
	i := id.find(n)
	if i < len(id.runs) && id.runs[i].first <= n {
		return
	}
	joinsLeft := i > 0 && id.runs[i-1].last+1 == n
	joinsRight := i < len(id.runs) && id.runs[i].first == n+1
	switch {
	case joinsLeft && joinsRight:
		id.runs[i-1].last = id.runs[i].last
		id.runs = slices.Delete(id.runs, i, i+1)
	case joinsLeft:
		id.runs[i-1].last = n
	case joinsRight:
		id.runs[i].first = n
	default:
		id.runs = slices.Insert(id.runs, i, run{n, n})
	}
}

// grows says whether adding n, which was not kept, adds a run.
func (id *identity) grows(n uint64) bool {
	i := id.find(n)
	return (i == 0 || id.runs[i-1].last+1 != n) && (i == len(id.runs) || id.runs[i].first != n+1)
}

// full says whether another run would be one too many.
func (id *identity) full() bool { return len(id.runs) >= maxGaps }

// appendBinary writes seen, then the distance to each run and its length.
func (id *identity) appendBinary(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(id.seen))
	at := uint64(0)
	for _, r := range id.runs {
		b = binary.AppendUvarint(b, r.first-at)
		b = binary.AppendUvarint(b, r.last-r.first)
		at = r.last
	}
	return b
}

var errIdentity = errors.New("pebblestore: corrupt identity")

func decodeIdentity(b []byte) (*identity, error) {
	seen, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errIdentity
	}
	id := &identity{seen: int64(seen)}
	at := uint64(0)
	for b = b[n:]; len(b) > 0; b = b[n:] {
		gap, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errIdentity
		}
		length, more := binary.Uvarint(b[size:])
		if more <= 0 {
			return nil, errIdentity
		}
		n = size + more
		id.runs = append(id.runs, run{at + gap, at + gap + length})
		at += gap + length
	}
	return id, nil
}
