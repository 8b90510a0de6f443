package pebblestore

import "encoding/binary"

// Keys in Pebble. Numbers are big-endian, so that byte order is their order.
//
//	'm' name                         the state at the last flush, and the reckoned time
//	's' id:4                         a series: see encodeSeries
//	'i' instance                     the sequence numbers that were kept, and the time of the last
//	'p' level:1 span:8               a page; span is its start / its level's length
//	'h' name 0 from:8 instance 0 sequence:8 place:4
//	                                 a health result (health.go), by the batch that brought it
//	'b' hour:4 start:8 number:8      a block; start is that of its first request, number makes the key unique
const (
	prefixMeta     = 'm'
	prefixSeries   = 's'
	prefixIdentity = 'i'
	prefixPage     = 'p'
	prefixBlock    = 'b'
	prefixHealth   = 'h'
)

var (
	keyState    = []byte("mstate")
	keyReckoned = []byte("mreckoned")
)

func keySeries(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixSeries}, id)
}

func keyIdentity(instance string) []byte {
	return append([]byte{prefixIdentity}, instance...)
}

func keyPage(level int, span int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixPage, byte(level)}, uint64(span))
}

// keyHour sorts before every block of the hour (Unix ms / 1 h), and after those of the
// previous hour.
func keyHour(hour int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixBlock}, uint32(hour))
}

func keyBlock(start int64, number uint64) []byte {
	k := keyHour(start / hourMillis)
	k = binary.BigEndian.AppendUint64(k, uint64(start))
	return binary.BigEndian.AppendUint64(k, number)
}

// keyHealth sorts before every result of the check that begins at from or later. Names
// and instances contain no control characters.
func keyHealth(name string, from int64) []byte {
	k := append([]byte{prefixHealth}, name...)
	return binary.BigEndian.AppendUint64(append(k, 0), uint64(max(from, 0)))
}

// keyHealthEnd sorts after every result of the check.
func keyHealthEnd(name string) []byte {
	return append(append([]byte{prefixHealth}, name...), 1)
}
