package rollup

import (
	"errors"
	"fmt"
)

// Resolution is a length of time, in milliseconds, that is positive. It divides
// time since the Unix epoch into spans: span n is [n, n+1) times the length.
type Resolution int64

// The resolutions in use.
const (
	Second      Resolution = 1000
	TenSeconds             = 10 * Second
	FiveMinutes            = 300 * Second
	Hour                   = 3600 * Second
	Day                    = 24 * Hour
)

// Millis returns the length in milliseconds.
func (r Resolution) Millis() int64 { return int64(r) }

// Span returns the number of the span that holds the instant, which is in Unix
// milliseconds and not before the epoch.
func (r Resolution) Span(ms int64) int64 { return ms / int64(r) }

// Start returns the first instant of a span, in Unix milliseconds.
func (r Resolution) Start(span int64) int64 { return span * int64(r) }

// Levels are the resolutions in which a store keeps rollups, the finest first.
// Each divides the next, so that a span of one level is made up of spans of the
// level below. A level's number is its place, and part of a store's format.
type Levels []Resolution

// The levels in use.
var (
	AllLevels = makeLevels(TenSeconds, FiveMinutes, Hour, Day)
	// ServerLevels are those of stores in servers.
	ServerLevels = AllLevels[1:]
)

// makeLevels returns the resolutions as levels. It panics if they are none, since
// they are constants.
func makeLevels(resolutions ...Resolution) Levels {
	l := Levels(resolutions)
	if err := l.validate(); err != nil {
		panic(err)
	}
	return l
}

func (l Levels) validate() error {
	if len(l) == 0 {
		return errors.New("rollup: no levels")
	}
	for i, r := range l {
		switch {
		case r <= 0:
			return fmt.Errorf("rollup: level %d is %d ms long; must be positive", i, r)
		case i > 0 && (r <= l[i-1] || r%l[i-1] != 0):
			return fmt.Errorf("rollup: level %d is %d ms long; must be a multiple of the %d ms of the level below", i, r, l[i-1])
		}
	}
	return nil
}

// Finest returns how many spans of the finest level make up one of the level.
func (l Levels) Finest(level int) int64 { return int64(l[level] / l[0]) }
