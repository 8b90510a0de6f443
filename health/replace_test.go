package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A check that takes the place of another begins with that one's state. The probe of the
// other is closed.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		var seen []Observation
		r.Observe(func(o Observation) { seen = append(seen, o) })
		closed := false
		broken := Func(func(context.Context) error { return errGone })
		broken.Close = func() error { closed = true; return nil }
		register(t, &r, "database", broken, Critical())
		time.Sleep(30 * time.Second)
		before := only(t, &r)
		if before.Status != Down {
			t.Fatalf("got %+v", before)
		}
		works := Func(func(context.Context) error { return nil })
		if err := r.Replace("database", works, Critical(), Every(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if c := only(t, &r); c.Status != Down || !c.Since.Equal(before.Since) || c.Runs != before.Runs || c.Reason != before.Reason {
			t.Errorf("it was %+v, and is %+v", before, c)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if c := only(t, &r); c.Status != Down || !c.Since.Equal(before.Since) || c.Runs != before.Runs+1 || !closed {
			t.Errorf("after its first run it is %+v, one too few; the probe before is closed: %v", c, closed)
		}
		until(t, &r, Healthy, 16*time.Second)
		synctest.Wait()
		if o := seen[len(seen)-1]; o.Before != Down || o.State.Status != Healthy {
			t.Errorf("observed %+v", o)
		}
		if err := r.Replace("new", works); err != nil {
			t.Error(err)
		}
		if err := r.Replace("database", works, Every(1)); err == nil {
			t.Error("a wrong rule is accepted")
		}
		if n := len(r.Report().Checks); n != 2 {
			t.Errorf("%d checks", n)
		}
		closeRegistry(t, &r)
	})
}

// Runs under one name do not overlap, though one that ends takes its time.
func TestReplaceAwaitsTheLastRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		free := make(chan struct{})
		r.Observe(func(o Observation) {
			if o.Kind == "slow" {
				<-free
			}
		})
		slow := Func(func(context.Context) error { return nil })
		slow.Kind = "slow"
		register(t, &r, "a", slow)
		register(t, &r, "b", slow)
		time.Sleep(time.Minute) // their first runs are being observed
		var ran atomic.Int64    // by two checks
		next := Func(func(context.Context) error { ran.Add(1); return nil })
		if err := r.Replace("a", next); err != nil {
			t.Fatal(err)
		}
		done := r.End("b")
		register(t, &r, "b", next)
		time.Sleep(time.Minute)
		synctest.Wait()
		select {
		case <-done:
			t.Error("ended though its run is observed")
		default:
		}
		if n := ran.Load(); n != 0 {
			t.Errorf("%d runs", n)
		}
		close(free)
		time.Sleep(time.Minute)
		<-done
		if ran.Load() == 0 {
			t.Error("no run")
		}
		if r.End("absent") != nil {
			t.Error("a check that is not there ends")
		}
		closeRegistry(t, &r)
	})
}

// Other rules change neither the state nor what was seen in a row.
func TestSetRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		d := &dependency{}
		register(t, &r, "database", d.probe(), Every(10*time.Second), Thresholds(5, 2))
		until(t, &r, Healthy, 2*time.Second)
		before := only(t, &r)
		d.set(func(d *dependency) { d.err = errGone })
		for only(t, &r).Runs < before.Runs+3 {
			time.Sleep(100 * time.Millisecond)
		}
		if err := r.SetRules("database", Every(time.Minute), Thresholds(4, 2), Critical()); err != nil {
			t.Fatal(err)
		}
		if c := only(t, &r); c.Status != Healthy || !c.Critical || !c.Since.Equal(before.Since) {
			t.Errorf("it was %+v, and is %+v", before, c)
		}
		until(t, &r, Down, 2*time.Second) // by the first run: the three before count
		if err := r.SetRules("database", Every(1)); err == nil || only(t, &r).Status != Down {
			t.Errorf("a wrong rule: %v", err)
		}
		if err := r.SetRules("absent"); !errors.Is(err, ErrUnknownCheck) {
			t.Error(err)
		}
		closeRegistry(t, &r)
	})
}

// The probe of a stuck run is closed when the run returns, not before.
func TestStuckProbeIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		free, closed := make(chan struct{}), false
		p := Func(func(context.Context) error { <-free; return nil })
		p.Close = func() error { closed = true; return nil }
		register(t, &r, "stuck", p)
		time.Sleep(time.Minute)
		if !r.Unregister("stuck") || closed {
			t.Errorf("closed in the middle of a run: %v", closed)
		}
		close(free)
		synctest.Wait()
		if !closed {
			t.Error("never closed")
		}
	})
}

// Ending a check does not wait for its probe to close.
func TestEndDoesNotWaitForClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		free := make(chan struct{})
		p := Func(func(context.Context) error { return nil })
		p.Close = func() error { <-free; return nil }
		register(t, &r, "a", p)
		<-r.End("a")
		if n := len(r.Report().Checks); n != 0 {
			t.Errorf("%d checks", n)
		}
		close(free)
	})
}

func TestSeveralObservers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		var calls []string
		r.Observe(func(o Observation) { calls = append(calls, "first "+o.Name) })
		r.Observe(func(o Observation) { calls = append(calls, "second "+o.Name) })
		register(t, &r, "a", Func(func(context.Context) error { return nil }), Every(time.Hour), Thresholds(1, 1))
		time.Sleep(time.Minute)
		closeRegistry(t, &r)
		if want := []string{"first a", "second a"}; !slices.Equal(calls, want) {
			t.Errorf("called %q, want %q", calls, want)
		}
	})
}

// An option may be nil wherever options are given, and a wrong one is named.
func TestOptionsEverywhere(t *testing.T) {
	p := Func(func(context.Context) error { return nil })
	if res, err := Run(t.Context(), p, nil); err != nil || res.Status != Healthy {
		t.Errorf("got %+v, %v", res, err)
	}
	_, runErr := Run(t.Context(), p, nil, Every(1))
	for i, err := range []error{runErr, Validate(p, nil, Every(1)), new(Registry).Register("a", p, nil, Every(1))} {
		var wrong *FieldError
		if !errors.As(err, &wrong) || wrong.Field != "interval" || wrong.Err.Error() != "is 1ns; must be at least 100ms" {
			t.Errorf("%d: %v", i, err)
		}
	}
	var wrong *FieldError
	if err := Validate(p, Liveness()); !errors.As(err, &wrong) || wrong.Field != "liveness" || !errors.Is(err, ErrLocalOnly) {
		t.Error(err)
	}
	if got := fmt.Sprint(Validate(Probe{})); got != "probe: has no Run function; make it with Func, SQL, HTTP or the like" {
		t.Error(got)
	}
}
