package pgstore

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/internal/hist"
)

// levels are the levels of histograms. In kymo_pages they are numbered from 1 on;
// level 0 is details, which have the spans of the finest one.
var levels = rollup.ServerLevels

const (
	levelDetails    = 0
	levelHistograms = 1 // the finest
)

// pageLevels has the resolution of each level of kymo_pages.
var pageLevels = append([]rollup.Resolution{levels[0]}, levels...)

// pageRow is a row of kymo_pages.
type pageRow struct {
	level int16
	start int64
	page  []byte
}

// sums turns requests into pages.
type sums struct {
	start    []int64
	series   []uint32
	duration []int64
	drops    []drop

	order []int // places of the requests, by start
	hists map[uint32]*hist.Histogram
	free  []*hist.Histogram
}

type drop struct {
	at     int64
	series uint32
	count  uint64
}

// pages returns, for each level, a page for each span that holds something.
func (s *sums) pages() []pageRow {
	s.order = make([]int, len(s.start))
	for i := range s.order {
		s.order[i] = i
	}
	slices.SortFunc(s.order, func(a, b int) int { return cmp.Compare(s.start[a], s.start[b]) })
	slices.SortFunc(s.drops, func(a, b drop) int { return cmp.Compare(a.at, b.at) })
	s.hists = make(map[uint32]*hist.Histogram)
	var rows []pageRow
	for level, r := range pageLevels {
		order, drops := s.order, s.drops
		for len(order) > 0 || len(drops) > 0 {
			var span int64
			switch {
			case len(drops) == 0:
				span = r.Span(s.start[order[0]])
			case len(order) == 0:
				span = r.Span(drops[0].at)
			default:
				span = r.Span(min(s.start[order[0]], drops[0].at))
			}
			end := r.Start(span + 1)
			n, _ := slices.BinarySearchFunc(order, end, func(i int, end int64) int { return cmp.Compare(s.start[i], end) })
			d, _ := slices.BinarySearchFunc(drops, end, func(d drop, end int64) int { return cmp.Compare(d.at, end) })
			row := pageRow{level: int16(level), start: span}
			if level == levelDetails {
				row.page = s.details(order[:n], drops[:d], r.Start(span))
			} else {
				row.page = s.page(order[:n], drops[:d])
			}
			rows = append(rows, row)
			order, drops = order[n:], drops[d:]
		}
	}
	return rows
}

// page adds up requests and drops by series.
func (s *sums) page(order []int, drops []drop) []byte {
	var touched []uint32
	for _, i := range order {
		h := s.hists[s.series[i]]
		if h == nil {
			if n := len(s.free); n > 0 {
				h, s.free = s.free[n-1], s.free[:n-1]
			} else {
				h = new(hist.Histogram)
			}
			s.hists[s.series[i]] = h
			touched = append(touched, s.series[i])
		}
		h.Record(s.duration[i])
	}
	dropped := make(map[uint32]uint64)
	for _, d := range drops {
		if dropped[d.series] == 0 {
			touched = append(touched, d.series)
		}
		dropped[d.series] += d.count
	}
	slices.Sort(touched)
	var b, value []byte
	previous := uint32(0)
	for _, id := range touched {
		h := s.hists[id]
		if h == nil {
			value = binary.AppendUvarint(value[:0], dropped[id])
		} else {
			value = h.AppendBinary(value[:0])
			h.Reset()
			s.free = append(s.free, h)
			delete(s.hists, id)
		}
		b = page.Append(b, previous, id, h == nil, value)
		previous = id
	}
	return b
}

// details encodes single requests.
func (s *sums) details(order []int, drops []drop, base int64) []byte {
	b := make([]byte, 0, 8*len(order))
	w := detailsWriter{at: base}
	for _, i := range order {
		b = w.append(b, s.start[i], s.series[i], s.duration[i])
	}
	for _, d := range drops {
		b = w.appendDrop(b, d)
	}
	return b
}
