// Package page encodes the histograms of all series in one span of time, for
// engines that keep a report's numbers in few large values instead of many small
// rows.
//
// Append writes a page entry by entry, Read walks through one, and Merge adds up
// pages of the same span.
//
// A page is entries in the order of their series. Numbers are varints:
//
//	head   (series - the entry before's)<<1 | d, where d is 1 if the entry
//	       counts dropped requests
//	size   the number of bytes that follow
//	value  a histogram (package hist); for dropped requests, their count
//
// Entries of the same series add up.
package page

import (
	"encoding/binary"
	"errors"

	"github.com/kymohq/kymo/internal/hist"
)

// ErrCorrupt is returned for bytes that are not a page.
var ErrCorrupt = errors.New("page: corrupt page")

// Append appends an entry to a page; previous is the series of the one before,
// 0 at first.
func Append(dst []byte, previous, series uint32, drops bool, value []byte) []byte {
	head := uint64(series-previous) << 1
	if drops {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// Entries walks through a page.
type Entries struct {
	Series uint32
	Drops  bool
	Value  []byte // within the page

	left []byte
	bad  bool
}

// Read begins to walk through a page.
func Read(page []byte) Entries { return Entries{left: page} }

// Next moves to the next entry. It returns false at the end, or if the page is
// corrupt, which Corrupt then reports.
func (e *Entries) Next() bool {
	if len(e.left) == 0 {
		return false
	}
	head, n := binary.Uvarint(e.left)
	if n <= 0 {
		e.left, e.bad = nil, true
		return false
	}
	size, m := binary.Uvarint(e.left[n:])
	if m <= 0 || size > uint64(len(e.left)-n-m) {
		e.left, e.bad = nil, true
		return false
	}
	e.Series += uint32(head >> 1)
	e.Drops = head&1 != 0
	end := n + m + int(size)
	e.Value, e.left = e.left[n+m:end], e.left[end:]
	return true
}

// Corrupt reports whether the page ended where no page does.
func (e *Entries) Corrupt() bool { return e.bad }

// Count reads the value of an entry that counts dropped requests.
func (e *Entries) Count() (uint64, error) {
	n, size := binary.Uvarint(e.Value)
	if size <= 0 || size != len(e.Value) {
		return 0, ErrCorrupt
	}
	return n, nil
}

// Merge returns the sum of pages of one span.
func Merge(pages [][]byte) ([]byte, error) {
	var heads []*Entries
	for _, p := range pages {
		e := new(Read(p))
		if e.Next() {
			heads = append(heads, e)
		} else if e.bad {
			return nil, ErrCorrupt
		}
	}
	var (
		dst, value []byte
		h          hist.Histogram
		previous   uint32
		same       []*Entries
	)
	for len(heads) > 0 {
		same = append(same[:0], heads[0])
		for _, e := range heads[1:] {
			switch {
			case e.Series < same[0].Series:
				same = append(same[:0], e)
			case e.Series == same[0].Series:
				same = append(same, e)
			}
		}
		least := same[0].Series
		if len(same) == 1 {
			value = same[0].Value
		} else {
			var err error
			if value, err = mergeEntries(same, &h, value[:0:0]); err != nil {
				return nil, err
			}
		}
		dst = Append(dst, previous, least, same[0].Drops, value)
		previous = least
		kept := heads[:0]
		for _, e := range heads {
			if e.Series != least || e.Next() {
				kept = append(kept, e)
			} else if e.bad {
				return nil, ErrCorrupt
			}
		}
		heads = kept
	}
	return dst, nil
}

// mergeEntries appends the sum of entries of one series to dst.
func mergeEntries(same []*Entries, h *hist.Histogram, dst []byte) ([]byte, error) {
	if same[0].Drops {
		sum := uint64(0)
		for _, e := range same {
			n, err := e.Count()
			if err != nil {
				return nil, err
			}
			sum += n
		}
		return binary.AppendUvarint(dst, sum), nil
	}
	h.Reset()
	for _, e := range same {
		if n, err := h.MergeBinary(e.Value); err != nil || n != len(e.Value) {
			return nil, ErrCorrupt
		}
	}
	return h.AppendBinary(dst), nil
}
