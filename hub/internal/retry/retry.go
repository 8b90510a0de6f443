// Package retry repeats an operation that may fail for a while: until it
// succeeds, fails for good or has taken too long, with pauses that grow.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Policy is for how long an operation is repeated.
type Policy struct {
	Patience time.Duration    // from the first attempt to the last
	Now      func() time.Time // the clock; time.Now if nil
}

const (
	minPause = 100 * time.Millisecond
	maxPause = 5 * time.Second
)

// Do calls attempt until it returns no error, or one with again false, or
// patience is over, and returns the last error; that of ctx if ctx is done. The
// pauses between attempts are random and double on average, but are never
// shorter than the attempt asks for.
func (p Policy) Do(ctx context.Context, attempt func() (again bool, pause time.Duration, err error)) error {
	now := p.Now
	if now == nil {
		now = time.Now
	}
	deadline := now().Add(p.Patience)
	for wait := minPause; ; wait = min(2*wait, maxPause) {
		again, least, err := attempt()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause := max(wait/2+rand.N(wait), least)
		if !again || now().Add(pause).After(deadline) {
			return err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
