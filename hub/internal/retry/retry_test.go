package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestDo(t *testing.T) {
	away := errors.New("away")
	for _, test := range []struct {
		name     string
		failures int  // before it succeeds
		again    bool // of the failures
		pause    time.Duration
		attempts int
		want     error
		min, max time.Duration // what it takes
	}{
		{"at once", 0, false, 0, 1, nil, 0, 0},
		{"after some failures", 3, true, 0, 4, nil, 350 * time.Millisecond, 1050 * time.Millisecond},
		{"as late as it asks for", 2, true, 20 * time.Second, 3, nil, 40 * time.Second, 40 * time.Second},
		{"a failure for good", 1, false, 0, 1, away, 0, 0},
		{"a pause beyond patience", 5, true, 50 * time.Second, 2, away, 50 * time.Second, 50 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts, begun := 0, time.Now()
			err := Policy{Patience: time.Minute}.Do(t.Context(), func() (bool, time.Duration, error) {
				if attempts++; attempts <= test.failures {
					return test.again, test.pause, away
				}
				return false, 0, nil
			})
			if took := time.Since(begun); !errors.Is(err, test.want) || attempts != test.attempts || took < test.min || took > test.max {
				t.Errorf("%s: %v after %d attempts and %v", test.name, err, attempts, took)
			}
		})
	}
}

// TestDoGivesUp within its patience, however often it has tried by then.
func TestDoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away, attempts, begun := errors.New("away"), 0, time.Now()
		err := Policy{Patience: time.Minute, Now: time.Now}.Do(t.Context(), func() (bool, time.Duration, error) {
			attempts++
			return true, 0, away
		})
		took := time.Since(begun)
		if !errors.Is(err, away) || took > time.Minute || took < time.Minute-maxPause*3/2 {
			t.Errorf("%v after %v", err, took)
		}
		// Six pauses that double, then those of 2.5 s to 7.5 s.
		if attempts < 7+6 || attempts > 7+24 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

func TestDoEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel) // in the pause, which is longer
		begun := time.Now()
		err := Policy{Patience: time.Minute}.Do(ctx, func() (bool, time.Duration, error) { return true, 0, errors.New("away") })
		if !errors.Is(err, context.Canceled) || time.Since(begun) != time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if err := (Policy{Patience: time.Minute}).Do(ctx, func() (bool, time.Duration, error) { return true, 0, errors.New("away") }); !errors.Is(err, context.Canceled) {
			t.Errorf("in an attempt: %v", err)
		}
	})
}
