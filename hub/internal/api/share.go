package api

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// age is for how long an answer about a window is given again. Dashboards that
// show a week need not see the last seconds of it.
func age(length time.Duration) time.Duration {
	switch {
	case length <= time.Hour:
		return 2 * time.Second
	case length <= 24*time.Hour:
		return 5 * time.Second
	}
	return 15 * time.Second
}

// What is kept is bounded: so many answers, of so many bytes. They have tens of
// kilobytes as a rule, and some megabytes for a list of thousands of endpoints.
const (
	maxShared      = 64
	maxSharedBytes = 1 << 20
)

// shared has the answers that equal questions share: while one is being made,
// those who ask the same wait for it, and for a short time after it they are
// given it again. The zero value is ready for use.
type shared struct {
	mu      sync.Mutex
	answers map[any]*answer
}

// answer is one that is being made, or was.
type answer struct {
	made  chan struct{} // closed when value and err are there
	value any
	err   error

	until   time.Time // after it, it is not given again; zero while it is being made
	age     time.Duration
	waiting int // callers that want it; without any, making it is given up
	context context.Context
	cancel  context.CancelFunc
}

var errUnfinished = errors.New("the answer was not finished")

// askOnce returns what find returns, or what it returned to an equal question a
// moment ago. Errors are not given again. A caller that goes away does not take
// the answer from the others.
func askOnce[T any](ctx context.Context, s *shared, question any, now func() time.Time, age time.Duration, find func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	a, mine := s.join(ctx, question, now(), age)
	stop := context.AfterFunc(ctx, func() { s.leave(question, a) })
	defer func() {
		if stop() {
			s.leave(question, a)
		}
	}()
	if mine {
		func() {
			defer func() { s.finish(question, a, now()) }() // also if find panics
			value, err := find(a.context)
			a.value, a.err = value, err
		}()
	} else {
		select {
		case <-a.made:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
	if a.err != nil {
		return none, a.err
	}
	return a.value.(T), nil
}

// join returns the answer to a question, and whether the caller has to make it.
func (s *shared) join(ctx context.Context, question any, now time.Time, age time.Duration) (a *answer, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a = s.answers[question]; a != nil && !a.expired(now) {
		a.waiting++
		return a, false
	}
	if s.answers == nil {
		s.answers = make(map[any]*answer)
	}
	s.makeRoom(now)
	a = &answer{made: make(chan struct{}), err: errUnfinished, age: age, waiting: 1}
	a.context, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.answers[question] = a
	return a, true
}

// expired says whether an answer that was made is too old.
func (a *answer) expired(now time.Time) bool { return !a.until.IsZero() && !now.Before(a.until) }

// makeRoom forgets what is not given again, and then, if there are still too many,
// any answer that was made: whoever waits for it has it in hand.
func (s *shared) makeRoom(now time.Time) {
	maps.DeleteFunc(s.answers, func(_ any, a *answer) bool { return a.expired(now) })
	for question, a := range s.answers {
		if len(s.answers) < maxShared {
			return
		}
		if !a.until.IsZero() {
			delete(s.answers, question)
		}
	}
}

// finish gives the answer to those who wait for it, and keeps it for others unless
// it is an error, or large.
func (s *shared) finish(question any, a *answer, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.until = now.Add(a.age)
	if large, ok := a.value.(interface{ size() int }); a.err != nil || ok && large.size() > maxSharedBytes {
		s.forget(question, a)
	}
	close(a.made)
	a.cancel()
}

// leave says that a caller wants the answer no more.
func (s *shared) leave(question any, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.waiting--
	select {
	case <-a.made:
	default:
		if a.waiting == 0 {
			a.cancel()
			s.forget(question, a)
		}
	}
}

func (s *shared) forget(question any, a *answer) {
	if s.answers[question] == a {
		delete(s.answers, question)
	}
}
