// Package seen remembers which sequence numbers were kept, for engines that must
// count a batch once. Senders number their batches from 1 on, so a
// week of batches a second apart is one run of numbers, and each batch given up
// adds one.
package seen

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// Set is a set of numbers, kept as runs of consecutive ones. The zero value is
// empty and ready to use. It is not safe for concurrent use.
type Set struct {
	runs []run // in order, neither overlapping nor touching
}

// run is the numbers from first to last, both included.
type run struct{ first, last uint64 }

// find returns the place of the first run that ends at n or later.
func (s *Set) find(n uint64) int {
	return sort.Search(len(s.runs), func(i int) bool { return s.runs[i].last >= n })
}

// Has reports whether n is in the set.
func (s *Set) Has(n uint64) bool {
	i := s.find(n)
	return i < len(s.runs) && s.runs[i].first <= n
}

// Add puts n into the set.
func (s *Set) Add(n uint64) {
	i := s.find(n)
	if i < len(s.runs) && s.runs[i].first <= n {
		return
	}
	joinsLeft := i > 0 && s.runs[i-1].last+1 == n
	joinsRight := i < len(s.runs) && s.runs[i].first == n+1
	switch {
	case joinsLeft && joinsRight:
		s.runs[i-1].last = s.runs[i].last
		s.runs = slices.Delete(s.runs, i, i+1)
	case joinsLeft:
		s.runs[i-1].last = n
	case joinsRight:
		s.runs[i].first = n
	default:
		s.runs = slices.Insert(s.runs, i, run{n, n})
	}
}

// Union puts all numbers of another set into the set.
func (s *Set) Union(other *Set) {
	all := slices.Concat(s.runs, other.runs)
	slices.SortFunc(all, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	s.runs = nil
	for _, r := range all {
		last := len(s.runs) - 1
		if last < 0 || r.first > s.runs[last].last && r.first-s.runs[last].last > 1 {
			s.runs = append(s.runs, r)
			continue
		}
		s.runs[last].last = max(s.runs[last].last, r.last)
	}
}

// Grows reports whether adding n, which is not in the set, adds a run.
func (s *Set) Grows(n uint64) bool {
	i := s.find(n)
	return (i == 0 || s.runs[i-1].last+1 != n) && (i == len(s.runs) || s.runs[i].first != n+1)
}

// Runs returns the number of runs in the set, on which its size in memory
// depends.
func (s *Set) Runs() int { return len(s.runs) }

// AppendBinary appends the set's byte form to b: for each run its distance to
// the end of the one before and its length less 1, as varints.
func (s *Set) AppendBinary(b []byte) []byte {
	at := uint64(0)
	for _, r := range s.runs {
		b = binary.AppendUvarint(b, r.first-at)
		b = binary.AppendUvarint(b, r.last-r.first)
		at = r.last
	}
	return b
}

// ErrCorrupt is returned for bytes that no set encodes to.
var ErrCorrupt = errors.New("seen: corrupt set")

// Decode reads the whole of b.
func Decode(b []byte) (Set, error) {
	var s Set
	for at := uint64(0); len(b) > 0; {
		gap, n := binary.Uvarint(b)
		if n <= 0 {
			return Set{}, ErrCorrupt
		}
		length, m := binary.Uvarint(b[n:])
		if m <= 0 {
			return Set{}, ErrCorrupt
		}
		s.runs = append(s.runs, run{at + gap, at + gap + length})
		at += gap + length
		b = b[n+m:]
	}
	return s, nil
}
