package health

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/duration"
)

// What breaks is seen within two intervals, and so is its recovery: whatever
// the way in which it breaks.
func TestNoticedWithinTwoIntervals(t *testing.T) {
	for _, interval := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		for name, breakIt := range map[string]func(*dependency){
			"refused": func(d *dependency) { d.err = errGone },
			"hanging": func(d *dependency) { d.hang = true },
			"slow":    func(d *dependency) { d.took = time.Minute },
		} {
			t.Run(fmt.Sprint(name, interval), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var r Registry
					d := &dependency{}
					register(t, &r, "redis", d.probe(), Every(interval))
					until(t, &r, Healthy, 2200*time.Millisecond)
					time.Sleep(interval * 31 / 10)
					d.set(breakIt)
					noticed := until(t, &r, Down, 2*interval)
					c := only(t, &r)
					want := "no answer within " + duration.Text(min(2*time.Second, interval/3))
					if name == "refused" {
						want = "connection refused"
					}
					if c.Reason != want || c.Stuck {
						t.Errorf("%+v, want the reason %q", c, want)
					}
					if whole := r.Report().Status; whole != Degraded {
						t.Errorf("not critical, and the whole is %v", whole)
					}
					time.Sleep(interval * 31 / 10)
					d.set(func(d *dependency) { d.err, d.hang, d.took = nil, false, 0 })
					back := until(t, &r, Healthy, 2*interval)
					t.Logf("down after %s, back after %s", noticed, back)
					closeRegistry(t, &r)
				})
			})
		}
	}
}

func TestRunsFollowTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Time
		var r Registry
		r.Observe(func(o Observation) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, o.At)
		})
		register(t, &r, "a", (&dependency{took: 300 * time.Millisecond}).probe(), Every(time.Second), Timeout(time.Second), Thresholds(1, 1))
		time.Sleep(time.Hour)
		closeRegistry(t, &r)
		differ := false
		for i := 1; i < len(at); i++ {
			gap := at[i].Sub(at[i-1])
			if gap < 900*time.Millisecond || gap > time.Second {
				t.Fatalf("%s between runs, want 900 ms to 1 s", gap)
			}
			differ = differ || i > 1 && gap != at[i-1].Sub(at[i-2])
		}
		if len(at) < 3600 || !differ {
			t.Errorf("%d runs in an hour, jitter %v", len(at), differ)
		}
	})
}

// A check that ignores its context neither delays others nor piles up, and is
// shown. When it returns after all, it is checked as before.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		d := &dependency{deaf: true, free: make(chan struct{})}
		register(t, &r, "stuck", d.probe(), Every(time.Second))
		other := &dependency{}
		register(t, &r, "other", other.probe(), Every(time.Second))
		time.Sleep(time.Minute)
		if runs := d.runs.Load(); runs != 1 || d.at.Load() != 1 {
			t.Errorf("%d runs of a check that never returned, %d at a time", runs, d.at.Load())
		}
		if runs := other.runs.Load(); runs < 60 {
			t.Errorf("the other check ran %d times in a minute", runs)
		}
		report := r.Report()
		other1, stuck := report.Checks[0], report.Checks[1]
		if !stuck.Stuck || stuck.Status != Down || !strings.Contains(stuck.Reason, "still running") || stuck.Runs < 60 {
			t.Errorf("got %+v", stuck)
		}
		if stuck.Latency < 50*time.Second {
			t.Errorf("its latency is %s, though it has been waited for a minute", stuck.Latency)
		}
		if other1.Stuck || other1.Status != Healthy {
			t.Errorf("got %+v", other1)
		}
		if err := r.Close(t.Context()); err == nil || !strings.Contains(err.Error(), `["stuck"]`) {
			t.Errorf("Close: %v, want it to name the check that is stuck", err)
		}

		r = Registry{}
		d2 := &dependency{deaf: true, free: make(chan struct{})}
		register(t, &r, "stuck", d2.probe(), Every(time.Second))
		time.Sleep(10 * time.Second)
		d2.set(func(d *dependency) { d.deaf = false })
		close(d2.free)
		close(d.free)
		until(t, &r, Healthy, 2*time.Second)
		if only(t, &r).Stuck {
			t.Error("still stuck after it returned")
		}
		closeRegistry(t, &r)
		if d2.most.Load() != 1 {
			t.Errorf("%d runs at a time", d2.most.Load())
		}
	})
}

func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	var r Registry
	for i := range 100 {
		d := &dependency{hang: i%2 == 0}
		register(t, &r, fmt.Sprint(i), d.probe(), Every(100*time.Millisecond), Timeout(10*time.Millisecond))
	}
	deadline := time.Now().Add(10 * time.Second)
	for report := r.Report(); ; report = r.Report() {
		if ok, _ := report.Started(); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not all checks ran")
		}
		runtime.Gosched()
	}
	closeRegistry(t, &r)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

// Whatever its checks do, reports come at once.
func TestReportWaitsForNoCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		free := make(chan struct{})
		for i := range 50 {
			d := &dependency{deaf: true, free: free}
			register(t, &r, fmt.Sprint(i), d.probe(), Every(time.Second))
		}
		for range 200 {
			time.Sleep(50 * time.Millisecond)
			before := time.Now()
			r.Report()
			if took := time.Since(before); took != 0 {
				t.Fatalf("a report took %s of waiting", took)
			}
		}
		close(free)
		synctest.Wait() // runs that are over their time return on their own
		closeRegistry(t, &r)
	})
}

func TestCloseDoesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		var r Registry
		r.Observe(func(Observation) { <-free })
		register(t, &r, "a", (&dependency{}).probe())
		time.Sleep(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
		close(free)
		closeRegistry(t, &r)
	})
}
