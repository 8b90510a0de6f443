package wire

import "errors"

// Version is the newest version of the byte format. Decode reads this one and all
// earlier ones. AppendBinary writes the earliest version that can hold the batch, so
// that hubs that know no later one accept it.
const Version = 5

// ContentType is the media type of an encoded batch.
const ContentType = "application/vnd.kymo.batch"

// The byte format. A number is an unsigned varint (encoding/binary)
// unless said otherwise; a text is its length in bytes and then the bytes; a
// list is the number of its texts, then the length of each, then the bytes of
// all.
//
//	magic      the 4 bytes "KYMB"
//	version    1 byte
//	instance   text
//	sequence   number
//	texts      list: what keys and drops refer to by place
//	keys       count, then for each: service, endpoint, method (places in texts), status
//	users      list: the users after the first, which is ""
//	drops      count, then for each: service (place in texts), at, count
//	rows       n, the number of requests
//	origin     a number of milliseconds, only if n > 0; AppendBinary takes the first start
//	columns    seven, of n values each:
//	  key        places in keys
//	  user       places in users, where 0 is "" and 1 the first of the list
//	  start      zigzag difference to the one before, the first's to origin
//	  duration   as it is
//	  first byte 0 if not measured, else duration - first byte + 1
//	  lifetime   as it is
//	  size       as it is
//
// A column is cut into pieces of 256 values, of which the last has what is
// left. A piece is one byte, the width w from 0 to 8, and then each value in w
// bytes, the lowest first. A width suits the largest value of its piece: it is
// 0 where nothing differs from 0, one outlier widens its own piece alone, and
// in reading and writing no branch depends on a value. Columns of 32 bits (key,
// user, error and process) have no piece wider than 4.
//
// In version 2 there follow
//
//	kind       1 byte: 0 kept, 1 present, 2 leaving
//	health     count, then for each:
//	  service, check, reason, details   texts
//	  flags      1 byte: bits 0 and 1 the status, bit 2 flapping, bit 3 critical
//	  from       number
//	  span       to - from
//	  failures   number
//	  latency    text: the histogram's own form; empty for an empty one
//
// In version 3 there follow
//
//	version    text: the service's release
//	errors     list: the errors after the first, which is ""
//	error      a column of n places in errors, 0 for ""; only if the list is not empty
//
// In version 4 there follow
//
//	reasons    1 byte for each drop; an unknown one counts as 0
//
// In version 5 there follow
//
//	parts      number: bit 0 for processes, bit 1 for traces; no other may be set
//	processes  list of the instances after the first, list of as many versions, and a column
//	           of n places in them, 0 for the batch's own
//	traces     two columns of n numbers: the upper and the lower half of a trace's id, 0 for none
//
// Nothing may follow the last part. Places out of range, counts beyond
// limits.go or beyond what the remaining bytes can hold, and values outside
// the limits make the whole batch invalid.

const magic = "KYMB"

// The bits of the parts that only some batches have.
const (
	partProcesses = 1 << iota
	partTraces

	partsKnown = partProcesses | partTraces
)

// pieceLen is how many values of a column share a width.
const pieceLen = 256

// maxTexts is how many different texts the keys and drops of a valid batch have.
const maxTexts = 3*MaxRequests + MaxDrops

// ErrMalformed is what every error of Decode wraps, or a *FieldError.
var ErrMalformed = errors.New("malformed batch")
