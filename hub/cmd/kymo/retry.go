package main

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// tryAgain calls attempt until it succeeds, fails for good, or patience is over,
// with pauses that grow and are never shorter than the attempt asks for.
func tryAgain(ctx context.Context, now func() time.Time, patience time.Duration,
	attempt func() (again bool, least time.Duration, err error)) error {
	deadline := now().Add(patience)
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
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
