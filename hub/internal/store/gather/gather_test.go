package gather

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

func batch(sequence uint64) *wire.Batch { return &wire.Batch{Instance: "a", Sequence: sequence} }

// engine notes the groups that it is given, and accepts them when the test lets it.
type engine struct {
	groups [][]uint64    // sequence numbers
	errs   []error       // of the next writes; then none
	enter  chan struct{} // if not nil, a write waits for it
}

func (e *engine) write(ctx context.Context, group []*Call) error {
	var numbers []uint64
	for _, c := range group {
		for i, b := range c.Batches {
			numbers = append(numbers, b.Sequence)
			c.Fresh[i] = true
		}
	}
	e.groups = append(e.groups, numbers)
	if e.enter != nil {
		select {
		case <-e.enter:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		}
	}
	if len(e.errs) == 0 {
		return nil
	}
	err := e.errs[0]
	e.errs = e.errs[1:]
	return err
}

func (e *engine) gatherer(requests int) *Gatherer {
	return New(Config{Write: e.write, Requests: requests, Hold: 10 * time.Second, Limit: time.Minute})
}

// Calls during a write are written together, up to the limit of a group.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{enter: make(chan struct{})}
		g := e.gatherer(3)
		var calls sync.WaitGroup
		for i := range uint64(6) {
			calls.Go(func() {
				if fresh, err := g.Append(t.Context(), batch(i)); err != nil || !fresh[0] {
					t.Errorf("got %v, %v", fresh, err)
				}
			})
			synctest.Wait()
		}
		if g.Waiting() != 6 {
			t.Errorf("%d calls wait, not 6", g.Waiting())
		}
		close(e.enter)
		calls.Wait()
		g.Close()
		if got := fmt.Sprint(e.groups); got != "[[0] [1 2 3] [4 5]]" || g.Waiting() != 0 {
			t.Errorf("the groups are %s, and %d wait", got, g.Waiting())
		}
	})
}

// An error that may pass is retried for a while, and then returned.
func TestHold(t *testing.T) {
	away := fmt.Errorf("%w: restarting", store.ErrUnavailable)
	full := fmt.Errorf("%w: all of it", store.ErrFull)
	for _, test := range []struct {
		name  string
		errs  []error
		want  error
		tries int
		last  time.Duration
	}{
		{"once", []error{away}, nil, 2, 50 * time.Millisecond},
		{"for long", []error{away, away, away, away, away, away, away, away}, nil, 9, 4550 * time.Millisecond},
		{"for too long", []error{away, away, away, away, away, away, away, away, away, away, away, away, away, away, away, away}, away, 14, 9550 * time.Millisecond},
		{"for no time", []error{full}, full, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &engine{errs: test.errs}
				g := e.gatherer(10)
				start := time.Now()
				_, err := g.Append(t.Context(), batch(1))
				if !errors.Is(err, test.want) || len(e.groups) != test.tries || time.Since(start) != test.last {
					t.Errorf("%v after %d attempts and %v; want %v after %d and %v", err, len(e.groups), time.Since(start), test.want, test.tries, test.last)
				}
				if got := g.Trouble(); (got == nil) != (test.want == nil) {
					t.Errorf("the trouble is %v", got)
				}
				g.Close()
			})
		})
	}
}

// A call that failed for its own reason does not affect the others.
func TestOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := errors.New("its own")
		enter := make(chan struct{})
		var sizes []int
		g := New(Config{Requests: 10, Hold: time.Minute, Limit: time.Minute, Write: func(_ context.Context, group []*Call) error {
			<-enter
			sizes = append(sizes, len(group))
			for _, c := range group {
				if c.Batches[0].Sequence == 1 && !c.Failed() {
					c.Fail(own)
				}
			}
			if len(sizes) == 2 {
				return store.ErrUnavailable
			}
			return nil
		}})
		var calls sync.WaitGroup
		for i := range uint64(3) {
			calls.Go(func() {
				_, err := g.Append(t.Context(), batch(i))
				if i == 1 && !errors.Is(err, own) || i != 1 && err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			})
			synctest.Wait()
		}
		close(enter)
		calls.Wait()
		g.Close()
		if fmt.Sprint(sizes) != "[1 2 1]" {
			t.Errorf("groups of %v calls", sizes)
		}
	})
}

// If a caller gives up, its batches are dropped, unless they are being written.
func TestCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{enter: make(chan struct{})}
		g := e.gatherer(10)
		var calls sync.WaitGroup
		leave, cancel := context.WithCancel(t.Context())
		reuse := make(chan struct{})
		for i := range uint64(2) { // the first is being written
			calls.Go(func() {
				b := batch(i)
				_, err := g.Append(leave, b)
				if i == 0 && err != nil || i == 1 && !errors.Is(err, context.Canceled) {
					t.Errorf("call %d: %v", i, err)
				}
				if i == 1 {
					<-reuse
					b.Key = append(b.Key, 0) // the batch is its caller's again
				}
			})
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(reuse)
		close(e.enter)
		calls.Wait()
		if _, err := g.Append(leave, batch(2)); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has left: %v", err)
		}
		g.Close()
		if fmt.Sprint(e.groups) != "[[0]]" {
			t.Errorf("written is %v", e.groups)
		}
	})
}

// Close ends the waiting calls, with an error if the engine does not write them.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &engine{enter: make(chan struct{})}
		g := e.gatherer(10)
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := g.Append(t.Context(), batch(1)); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("a call that hangs: %v", err)
			}
		})
		synctest.Wait()
		start := time.Now()
		for range 2 {
			g.Close()
		}
		calls.Wait()
		if time.Since(start) != patience {
			t.Errorf("closing took %v", time.Since(start))
		}
		if _, err := g.Append(t.Context(), batch(2)); !errors.Is(err, store.ErrClosed) {
			t.Errorf("a call after the end: %v", err)
		}
	})
}

// Callers for whom the queue has no room do not keep it from closing.
func TestCloseWithAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := (&engine{enter: make(chan struct{})}).gatherer(10)
		var calls sync.WaitGroup
		for i := range uint64(cap(g.calls)) + 3 { // one is being written
			calls.Go(func() {
				if _, err := g.Append(t.Context(), batch(i)); !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrClosed) {
					t.Errorf("call %d: %v", i, err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		g.Close()
		calls.Wait()
		if time.Since(start) != patience {
			t.Errorf("closing took %v", time.Since(start))
		}
	})
}

// Groups that are too large for the engine become smaller, and grow again.
func TestShrink(t *testing.T) {
	g := (&engine{}).gatherer(4096)
	defer g.Close()
	for range 10 {
		g.Shrink()
	}
	if got := g.size.Load(); got != 256 {
		t.Errorf("the least group has %d requests", got)
	}
	writes := 0
	for ; g.size.Load() < 4096 && writes < 1000; writes++ {
		if _, err := g.Append(t.Context(), batch(1)); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 24 {
		t.Errorf("after %d writes groups are as large as they were; want 24", writes)
	}
}

func TestPresenceIsNotKept(t *testing.T) {
	g := (&engine{}).gatherer(1)
	defer g.Close()
	if _, err := g.Append(t.Context(), &wire.Batch{Kind: wire.Present}); !errors.Is(err, wire.ErrMalformed) {
		t.Error(err)
	}
}

// A group begins one pace after the previous one, with all calls since then, or earlier if
// there are enough for a full group. After a pause it begins at once.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := new(engine)
		g := New(Config{Write: e.write, Requests: 100, Pace: time.Second, Enough: 4, Hold: time.Minute, Limit: time.Minute})
		defer g.Close()
		var calls sync.WaitGroup
		began := time.Now()
		put := func(sequence uint64, took time.Duration) {
			calls.Go(func() {
				if _, err := g.Append(t.Context(), batch(sequence)); err != nil {
					t.Error(err)
				}
				if got := time.Since(began); got != took {
					t.Errorf("batch %d is there after %s, not %s", sequence, got, took)
				}
			})
			synctest.Wait()
		}
		put(1, 0)
		put(2, time.Second)
		time.Sleep(700 * time.Millisecond)
		put(3, time.Second)
		calls.Wait()
		time.Sleep(100 * time.Millisecond)
		for i := range uint64(4) { // a full group
			put(4+i, 1100*time.Millisecond)
		}
		calls.Wait()
		time.Sleep(time.Minute)
		put(8, 61100*time.Millisecond)
		put(9, 61100*time.Millisecond)
		g.Close() // does not wait for the pace
		calls.Wait()
		if got, want := fmt.Sprint(e.groups), "[[1] [2 3] [4 5 6 7] [8] [9]]"; got != want {
			t.Errorf("groups are %s, want %s", got, want)
		}
	})
}
