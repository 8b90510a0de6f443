package pebblestore

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/kymohq/kymo/internal/wire"
)

// segment is what can be read of one of the journal's segments.
//
// A crash leaves at most the beginning of a record at the end of the newest segment,
// which was never acknowledged. Everything else that cannot be read is damage: the
// records behind it are found by their sums, and count.
type segment struct {
	records [][]byte // the batches
	damaged int64    // bytes that hold no whole record
	header  bool     // whether the header is damaged
}

// batchMagic is how each batch begins.
var batchMagic = (&wire.Batch{Instance: "a"}).AppendBinary(nil)[:4]

// unlimited is the end of a segment of which it is not known how much counts.
const unlimited = math.MaxInt64

// previousEnd returns how many bytes of the previous segment count, from a header.
func previousEnd(b []byte) int64 {
	if !isHeader(b) {
		return unlimited
	}
	return int64(binary.LittleEndian.Uint64(b[journalHeader-8:]))
}

func isHeader(b []byte) bool {
	return len(b) >= journalHeader && string(b[:len(journalMagic)]) == journalMagic && b[len(journalMagic)] == journalVersion
}

// parseSegment reads a segment of which so many bytes count. An end within a record, or
// far behind the last one, is damage of the header that it comes from.
func parseSegment(b []byte, end int64) (s segment) {
	size := int64(len(b))
	switch {
	case end > size+wire.MaxBytes || end < int64(journalHeader):
		end = unlimited
	case end < size && cutsRecord(b, int(end)):
		end = unlimited
	case end < size:
		b = b[:end]
	}
	if len(b) < journalHeader {
		if end != unlimited {
			s.damaged = end
		}
		return s // a crash came before the header was durable
	}
	s.header = !isHeader(b)
	at := journalHeader
	for at < len(b) {
		if batch := recordAt(b, at); batch != nil {
			at += recordHeader + len(batch)
			s.records = append(s.records, batch)
			continue
		}
		next := nextRecord(b, at+1)
		if next < 0 {
			break
		}
		s.damaged += int64(next - at)
		at = next
	}
	switch {
	case end != unlimited: // the rest was durable
		s.damaged += end - int64(at)
	case !isTorn(b[at:]):
		s.damaged += int64(len(b) - at)
	}
	return s
}

// cutsRecord reports whether a place lies within a whole record.
func cutsRecord(b []byte, place int) bool {
	for at := journalHeader; at >= 0 && at < place; {
		if batch := recordAt(b, at); batch != nil {
			at += recordHeader + len(batch)
			if at > place {
				return true
			}
			continue
		}
		at = nextRecord(b, at+1)
	}
	return false
}

// recordAt returns the batch of the record at a place, or nil if there is no whole one.
func recordAt(b []byte, at int) []byte {
	if len(b)-at <= recordHeader {
		return nil
	}
	size := binary.LittleEndian.Uint32(b[at:])
	sum := binary.LittleEndian.Uint32(b[at+4:])
	batch := b[at+recordHeader:]
	if size == 0 || size > wire.MaxBytes || int(size) > len(batch) || crc32.Checksum(batch[:size], castagnoli) != sum {
		return nil
	}
	return batch[:size]
}

// nextRecord returns where the next whole record begins, from a place on, or -1.
func nextRecord(b []byte, from int) int {
	for at := from; ; at++ {
		i := bytes.Index(b[min(at+recordHeader, len(b)):], batchMagic)
		if i < 0 {
			return -1
		}
		if at += i; recordAt(b, at) != nil {
			return at
		}
	}
}

// isTorn reports whether the end of a segment is what a crash leaves: a record that is
// cut off, or blocks of the disk that were not written.
func isTorn(b []byte) bool {
	if len(b) <= recordHeader || len(bytes.Trim(b, "\x00")) == 0 {
		return true
	}
	size := int(binary.LittleEndian.Uint32(b))
	const sector = 512
	return size > len(b)-recordHeader && size <= wire.MaxBytes || len(b) > sector && len(bytes.Trim(b[len(b)-sector:], "\x00")) == 0
}
