package pebblestore

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hist"
)

// A page is entries in the order of their series. Numbers are varints:
//
//	head   (series - the entry before's)<<1 | d, where d says that the series
//	       counts dropped requests
//	size   the number of bytes that follow
//	value  a histogram (package hist); for dropped requests, their count
//
// Pages of one window merge by adding what belongs to the same series.

var errPage = errors.New("pebblestore: corrupt page")

// appendEntry appends an entry; previous is the series of the one before, 0 at first.
func appendEntry(dst []byte, previous, series uint32, drops bool, value []byte) []byte {
	dst = binary.AppendUvarint(dst, entryHead(previous, series, drops))
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

func entryHead(previous, series uint32, drops bool) uint64 {
	head := uint64(series-previous) << 1
	if drops {
		head |= 1
	}
	return head
}

// entries walks through a page.
type entries struct {
	cursor
	series uint32
	drops  bool
	value  []byte
}

// next moves to the next entry; false at the end, or when the page is corrupt,
// which bad then says.
func (e *entries) next() bool {
	if len(e.b) == 0 {
		return false
	}
	head := e.uvarint()
	e.series += uint32(head >> 1)
	e.drops = head&1 != 0
	e.value = e.section()
	return !e.bad
}

// pageMerger merges pages of one window. The name is stored with the data.
var pageMerger = &pebble.Merger{
	Name: "kymo.pages.v1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &pageMerge{}
		return m, m.MergeNewer(value)
	},
}

// pageMerge collects pages; their order does not matter.
type pageMerge struct{ pages [][]byte }

func (m *pageMerge) MergeNewer(value []byte) error {
	m.pages = append(m.pages, append([]byte(nil), value...))
	return nil
}

func (m *pageMerge) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *pageMerge) Finish(bool) ([]byte, io.Closer, error) {
	if len(m.pages) == 1 {
		return m.pages[0], nil, nil
	}
	page, err := mergePages(m.pages)
	return page, nil, err
}

func mergePages(pages [][]byte) ([]byte, error) {
	var heads []*entries
	for _, p := range pages {
		e := &entries{cursor: cursor{b: p}}
		if e.next() {
			heads = append(heads, e)
		} else if e.bad {
			return nil, errPage
		}
	}
	var (
		dst, value []byte
		h          hist.Histogram
		previous   uint32
		same       []*entries
	)
	for len(heads) > 0 {
		same = append(same[:0], heads[0])
		for _, e := range heads[1:] {
			switch {
			case e.series < same[0].series:
				same = append(same[:0], e)
			case e.series == same[0].series:
				same = append(same, e)
			}
		}
		least := same[0].series
		if len(same) == 1 {
			value = same[0].value
		} else {
			var err error
			if value, err = mergeEntries(same, &h, value[:0:0]); err != nil {
				return nil, err
			}
		}
		dst = appendEntry(dst, previous, least, same[0].drops, value)
		previous = least
		kept := heads[:0]
		for _, e := range heads {
			if e.series != least || e.next() {
				kept = append(kept, e)
			} else if e.bad {
				return nil, errPage
			}
		}
		heads = kept
	}
	return dst, nil
}

// mergeEntries appends the sum of entries of one series to dst.
func mergeEntries(same []*entries, h *hist.Histogram, dst []byte) ([]byte, error) {
	if same[0].drops {
		sum := uint64(0)
		for _, e := range same {
			n, size := binary.Uvarint(e.value)
			if size != len(e.value) {
				return nil, errPage
			}
			sum += n
		}
		return binary.AppendUvarint(dst, sum), nil
	}
	h.Reset()
	for _, e := range same {
		if n, err := h.MergeBinary(e.value); err != nil || n != len(e.value) {
			return nil, errPage
		}
	}
	return h.AppendBinary(dst), nil
}
