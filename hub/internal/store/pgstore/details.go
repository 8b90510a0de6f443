package pgstore

import "encoding/binary"

// The details of a span are entries, all numbers varints:
//
//	start     its distance from the entry before, or from the span's beginning, in
//	          milliseconds, signed (zigzag), though rarely negative
//	series    series<<1 | d, where d is 1 if the entry counts dropped requests
//	value     the duration in nanoseconds, or the count
//
// Details must not simply be concatenated: the first entry of each is relative
// to the span's beginning. join merges them.

// detailsWriter appends entries.
type detailsWriter struct{ at int64 }

func (w *detailsWriter) append(b []byte, start int64, series uint32, duration int64) []byte {
	return w.entry(b, start, uint64(series)<<1, uint64(duration))
}

func (w *detailsWriter) appendDrop(b []byte, d drop) []byte {
	return w.entry(b, d.at, uint64(d.series)<<1|1, d.count)
}

func (w *detailsWriter) entry(b []byte, start int64, series, value uint64) []byte {
	b = binary.AppendVarint(b, start-w.at)
	w.at = start
	b = binary.AppendUvarint(b, series)
	return binary.AppendUvarint(b, value)
}

// detail is one entry.
type detail struct {
	start  int64
	series uint32
	drops  bool
	value  uint64
}

// detailsReader reads entries.
type detailsReader struct {
	left []byte
	at   int64 // the start of the last entry; at first, the span's beginning
}

// next reads the next entry. At the end, ok is false; if something else than an entry
// follows, the error is errDamaged.
func (r *detailsReader) next() (d detail, ok bool, err error) {
	if len(r.left) == 0 {
		return d, false, nil
	}
	distance, n := binary.Varint(r.left)
	if n <= 0 {
		return d, false, errDamaged
	}
	series, m := binary.Uvarint(r.left[n:])
	if m <= 0 {
		return d, false, errDamaged
	}
	value, k := binary.Uvarint(r.left[n+m:])
	if k <= 0 {
		return d, false, errDamaged
	}
	r.left = r.left[n+m+k:]
	r.at += distance
	return detail{r.at, uint32(series >> 1), series&1 != 0, value}, true, nil
}

// join merges several details of one span, which begins at base.
func join(base int64, parts [][]byte) ([]byte, error) {
	var b []byte
	w := detailsWriter{at: base}
	for _, part := range parts {
		r := detailsReader{left: part, at: base}
		for {
			d, ok, err := r.next()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			series := uint64(d.series) << 1
			if d.drops {
				series |= 1
			}
			b = w.entry(b, d.start, series, d.value)
		}
	}
	return b, nil
}
