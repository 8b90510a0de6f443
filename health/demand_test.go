package health

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A run on demand goes through the state machine and is observed, like any other.
func TestRunOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		var observed []Observation
		r.Observe(func(o Observation) { observed = append(observed, o) })
		var broken atomic.Bool
		probe := Func(func(context.Context) error {
			if broken.Load() {
				return errGone
			}
			return nil
		})
		register(t, &r, "database", probe, Every(time.Hour), Thresholds(2, 1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if c := only(t, &r); c.Status != Healthy || c.Runs != 1 {
			t.Fatalf("got %+v", c)
		}
		broken.Store(true)
		for n, want := range []Status{Healthy, Down} {
			o, err := r.Run(t.Context(), "database")
			if err != nil {
				t.Fatal(err)
			}
			if o.Status != Down || o.Reason != errGone.Error() || o.State.Status != want || o.Name != "database" {
				t.Errorf("run %d: got %+v", n, o)
			}
			if c := only(t, &r); c.Status != want || c.Runs != uint64(n)+2 {
				t.Errorf("run %d: reported as %+v", n, c)
			}
			time.Sleep(minDemand)
		}
		if len(observed) != 3 {
			t.Errorf("%d runs were observed", len(observed))
		}
		closeRegistry(t, &r)
		if _, err := r.Run(t.Context(), "database"); !errors.Is(err, ErrClosed) {
			t.Errorf("once closed: %v", err)
		}
	})
}

// Runs on demand put no load on the target: one a second, and never two at once, also
// with those of the schedule.
func TestRunOnDemandIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		var running, runs atomic.Int32
		slow := Func(func(ctx context.Context) error {
			runs.Add(1)
			if running.Add(1) > 1 {
				t.Error("two runs at once")
			}
			defer running.Add(-1)
			select {
			case <-ctx.Done():
			case <-time.After(1500 * time.Millisecond):
			}
			return nil
		})
		register(t, &r, "slow", slow, Every(10*time.Second), Timeout(2*time.Second))
		for runs.Load() == 0 {
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		// It waits for the run of the schedule.
		begun := time.Now()
		done := make(chan error, 1)
		go func() {
			_, err := r.Run(t.Context(), "slow")
			done <- err
		}()
		for range 10 {
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
			if _, err := r.Run(t.Context(), "slow"); !errors.Is(err, ErrTooSoon) {
				t.Fatalf("while one is under way: %v", err)
			}
		}
		if err := <-done; err != nil || runs.Load() != 2 || time.Since(begun) < 2*time.Second {
			t.Errorf("%v, after %v and %d runs", err, time.Since(begun), runs.Load())
		}
		if _, err := r.Run(t.Context(), "slow"); !errors.Is(err, ErrTooSoon) {
			t.Errorf("right after one: %v", err)
		}
		time.Sleep(minDemand)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := r.Run(ctx, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that does not wait: %v", err)
		}
		if _, err := r.Run(t.Context(), "other"); !errors.Is(err, ErrUnknownCheck) {
			t.Errorf("a check that is not there: %v", err)
		}
		synctest.Wait()
		// One that ends meanwhile.
		time.Sleep(5 * time.Second)
		go func() {
			time.Sleep(time.Second)
			r.End("slow")
		}()
		if _, err := r.Run(t.Context(), "slow"); !errors.Is(err, ErrClosed) {
			t.Errorf("a check that ends: %v", err)
		}
		closeRegistry(t, &r)
	})
}
