package chstore

import (
	"math/rand/v2"
	"time"
)

// A group's or a piece's number begins with the second in which it was made, as
// the server's clock has it, so that a span of time is a range of numbers.
const (
	randomBits = 34
	// firstSecond leaves the seconds 30 bits, until the year 2054.
	firstSecond = 1_600_000_000
)

// newNumber returns a new number for a second (Unix).
func newNumber(second int64) uint64 {
	return numbersFrom(second) | rand.Uint64N(1<<randomBits)
}

// numbersFrom returns the smallest number of a second.
func numbersFrom(second int64) uint64 {
	return uint64(min(max(second-firstSecond, 0), 1<<(64-randomBits)-1)) << randomBits
}

// secondOf returns the second in a number.
func secondOf(number uint64) int64 { return int64(number>>randomBits) + firstSecond }

// dayOf returns the day, in UTC, of a second.
func dayOf(second int64) time.Time {
	return time.Unix(second, 0).UTC().Truncate(24 * time.Hour)
}
