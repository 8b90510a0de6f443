package pebblestore

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

// keyRange is the keys in [lower, upper), or all from lower on if upper is nil.
type keyRange struct{ lower, upper []byte }

func (x keyRange) contains(key []byte) bool {
	return bytes.Compare(key, x.lower) >= 0 && (x.upper == nil || bytes.Compare(key, x.upper) < 0)
}

func (x keyRange) overlaps(y keyRange) bool {
	return (x.upper == nil || bytes.Compare(y.lower, x.upper) < 0) && (y.upper == nil || bytes.Compare(x.lower, y.upper) < 0)
}

// touches reports whether keys with the prefix may be in the range.
func (x keyRange) touches(prefix byte) bool {
	return x.overlaps(keyRange{[]byte{prefix}, []byte{prefix + 1}})
}

// join adds a range to those that overlap in nothing, which it extends where it overlaps
// some. They are sorted.
func join(ranges []keyRange, x keyRange) []keyRange {
	joined := []keyRange{x}
	for _, y := range ranges {
		if !y.overlaps(joined[0]) {
			joined = append(joined, y)
			continue
		}
		if bytes.Compare(y.lower, joined[0].lower) < 0 {
			joined[0].lower = y.lower
		}
		if joined[0].upper != nil && (y.upper == nil || bytes.Compare(y.upper, joined[0].upper) > 0) {
			joined[0].upper = y.upper
		}
	}
	slices.SortFunc(joined, func(a, b keyRange) int { return bytes.Compare(a.lower, b.lower) })
	return joined
}

// hours is the hours in [from, end), numbered from 1970 on.
type hours struct{ from, end int64 }

func (h hours) overlap(other hours) bool { return h.from < other.end && other.from < h.end }

func (h hours) empty() bool { return h.from >= h.end }

// hull returns the hours of both, and those between them.
func (h hours) hull(other hours) hours {
	switch {
	case h.empty():
		return other
	case other.empty():
		return h
	}
	return hours{min(h.from, other.from), max(h.end, other.end)}
}

// blocks returns the hours, within the given ones, that may have blocks in the range.
func (x keyRange) blocks(within hours) hours {
	if !x.touches(prefixBlock) {
		return hours{}
	}
	if hour, ok := hourOf(x.lower); ok {
		within.from = max(within.from, hour)
	}
	if hour, ok := hourOf(x.upper); ok {
		within.end = min(within.end, hour+1)
	}
	return within
}

// hourOf returns the hour of a block's key.
func hourOf(key []byte) (hour int64, ok bool) {
	if len(key) < len(keyHour(0)) || key[0] != prefixBlock {
		return 0, false
	}
	return int64(binary.BigEndian.Uint32(key[1:])), true
}

// pages returns the hours whose page of an hour may be in the range.
func (x keyRange) pages() hours {
	first, end := spansBetween(level1h, x.lower, x.upper)
	if x.upper == nil {
		end = math.MaxInt64
	}
	return hours{first, end}
}
