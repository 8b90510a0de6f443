package pebblestore

import "encoding/binary"

// Keys in Pebble. Numbers are big-endian, so that byte order is their order.
//
//	'm' name                         the state at the last flush
//	's' id:4                         a series: see appendSeries
//	'i' instance                     the sequence numbers kept from it, and when last
//	'p' resolution:1 window:8        a page; window is its start / its resolution
//	'b' hour:4 start:8 number:8      a block; start is its first request's, number makes it distinct
const (
	prefixMeta     = 'm'
	prefixSeries   = 's'
	prefixIdentity = 'i'
	prefixPage     = 'p'
	prefixBlock    = 'b'
)

var keyState = []byte("mstate")

func keySeries(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixSeries}, id)
}

func keyIdentity(instance string) []byte {
	return append([]byte{prefixIdentity}, instance...)
}

func keyPage(r resolution, window int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixPage, byte(r)}, uint64(window))
}

// keyHour is before every block of the hour (Unix ms / 1 h) and behind those of the hour before.
func keyHour(hour int64) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefixBlock}, uint32(hour))
}

func keyBlock(start int64, number uint64) []byte {
	k := keyHour(start / hourMillis)
	k = binary.BigEndian.AppendUint64(k, uint64(start))
	return binary.BigEndian.AppendUint64(k, number)
}
