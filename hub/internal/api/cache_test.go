package api

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// counting counts the queries to a store.
type counting struct {
	store.Store
	asked int
}

func (s *counting) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	s.asked++
	return s.Store.Rollups(ctx, q)
}

func (s *counting) Health(ctx context.Context, q store.HealthQuery) iter.Seq2[*store.HealthRecord, error] {
	s.asked++
	return s.Store.Health(ctx, q)
}

// While an answer is being computed, other callers wait for it, and get it even if the
// first caller goes away.
func TestWaitingForTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s cache
		release := make(chan struct{})
		made := 0
		find := func(ctx context.Context) (int, error) {
			made++
			select {
			case <-release:
				return 42, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		var wait sync.WaitGroup
		start := func(want int, wantErr error) context.CancelFunc {
			ctx, cancel := context.WithCancel(t.Context())
			wait.Go(func() {
				if v, err := lookup(ctx, &s, "question", at(noon), time.Second, find); v != want || !errors.Is(err, wantErr) {
					t.Errorf("%d, %v; want %d, %v", v, err, want, wantErr)
				}
			})
			synctest.Wait()
			return cancel
		}
		maker := start(42, nil) // it has gone, but makes the answer for the others
		leaver := start(0, context.Canceled)
		stay := start(42, nil)
		defer stay()
		maker()
		leaver()
		synctest.Wait()
		close(release)
		wait.Wait()
		if made != 1 {
			t.Errorf("made %d times", made)
		}

		// If all go away, it is given up, and made anew for the next.
		release = make(chan struct{})
		s = cache{}
		only := start(0, context.Canceled)
		only()
		wait.Wait()
		if len(s.entries) != 0 {
			t.Error("an answer that was canceled is still there")
		}
		close(release)
		defer start(42, nil)()
		wait.Wait()
		if made != 3 {
			t.Errorf("made %d times", made)
		}
	})
}

func TestAnswersThatAreNotKept(t *testing.T) {
	var s cache
	made := 0
	broken := errors.New("broken")
	fails := func(context.Context) (int, error) { made++; return 0, broken }
	for range 2 {
		if _, err := lookup(t.Context(), &s, "fails", at(noon), time.Hour, fails); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	if made != 2 {
		t.Errorf("an error was given again")
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = lookup(t.Context(), &s, "panics", at(noon), time.Hour, func(context.Context) (int, error) { panic("no") })
	}()
	if len(s.entries) != 0 {
		t.Errorf("%d answers are kept", len(s.entries))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lookup(ctx, &s, "gone", at(noon), time.Hour, fails); !errors.Is(err, context.Canceled) || made != 2 {
		t.Error(err)
	}
	fine := func(context.Context) (int, error) { return 1, nil }
	for i := range 3 * maxCached {
		age := time.Hour
		if i%3 == 0 {
			age = time.Second
		}
		if _, err := lookup(t.Context(), &s, i, at(noon.Add(time.Duration(i)*time.Second)), age, fine); err != nil {
			t.Fatal(err)
		}
		if len(s.entries) > maxCached {
			t.Fatalf("%d answers are kept", len(s.entries))
		}
	}
}

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// A query that takes longer than its answer is cached runs once at a time, and large
// answers are not cached.
func TestSharedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s cache
		var asked atomic.Int64
		slow := func(context.Context) (*payload, error) {
			asked.Add(1)
			time.Sleep(10 * time.Second) // by the test's clock
			return &payload{body: make([]byte, asked.Load()*(maxCachedBytes-1))}, nil
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if _, err := lookup(t.Context(), &s, "slow", time.Now, time.Second, slow); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(1900 * time.Millisecond)
		}
		all.Wait()
		if _, err := lookup(t.Context(), &s, "slow", time.Now, time.Second, slow); err != nil || asked.Load() != 1 {
			t.Errorf("it was asked %d times; %v", asked.Load(), err)
		}
		if _, err := lookup(t.Context(), &s, "large", time.Now, time.Second, slow); err != nil || s.entries["large"] != nil {
			t.Errorf("a large answer is kept; %v", err)
		}
	})
}
