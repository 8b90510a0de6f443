package storecopy

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A copied batch is identified by its instance, which is that of its requests, and
// a sequence number that follows from its content. From the highest bit down:
//
//	 1 bit   1, which no sender that counts from 1 gets to
//	23 bits  where it comes from (Copier.Source)
//	 1 bit   0 requests and drops, 1 health results
//	 1 bit   0 the first batch of its instance in its hour, 1 another
//	38 bits  which one
//
// Stores remember runs of numbers, at most 4,096 of each instance. First batches
// are numbered by the hour, so those of successive hours are one run. How many more
// an hour has is not known in advance, so their numbers cannot all be successive:
// each hour has room for moreBatches, and odd hours are numbered up from the
// beginning of their room, even ones down from its end. So two hours touch, and a
// year of hours with several batches each is 4,380 runs, where a run for each hour
// would be twice that. A run for each place in the hour would be many more where
// traffic comes and goes.
const (
	copiedBit   = 1 << 63
	sourceShift = 40
	sourceBits  = 23
	healthBit   = 1 << 39
	moreBit     = 1 << 38
	roomBits    = 11
	moreBatches = 1 << roomBits
)

// sourceNumber is a source's part of the sequence numbers.
func sourceNumber(source string) uint64 {
	sum := sha256.Sum256([]byte(source))
	return binary.BigEndian.Uint64(sum[:]) >> (64 - sourceBits)
}

// stream is what an hour's batches are made of: each holds one kind of one instance's.
type stream struct {
	instance string
	health   bool
}

// sequence numbers the n-th batch, from 0, of a stream in an hour.
func sequence(source uint64, s stream, h hour, n int) (uint64, error) {
	number := copiedBit | source<<sourceShift
	if s.health {
		number |= healthBit
	}
	place := uint64(h)
	switch more := uint64(n - 1); {
	case n == 0:
	case more >= moreBatches:
		return 0, fmt.Errorf("the hour from %v holds more of %q than can be copied: %d batches", h, s.instance, moreBatches)
	case h%2 == 1:
		place = moreBit | place<<roomBits + more
	default:
		place = moreBit | (place+1)<<roomBits - 1 - more
	}
	return number | place, nil
}

// dropsInstance is the instance of copied counts of dropped requests: stores do
// not keep whose they were.
func dropsInstance(source uint64) string { return fmt.Sprintf("copy-%06x", source) }
