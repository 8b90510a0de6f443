package api

import (
	"maps"
	"sync"
	"time"
)

const (
	maxAttempts    = 10 // wrong tokens of one address in a minute
	maxAddresses   = 4096
	attemptsExpire = time.Minute
)

// attempts counts wrong tokens by address, so that a person learns of the limit, and a
// client with an old token does not try on and on. What keeps a token from being
// guessed is its length. A minute after the first of its attempts an address has them
// back. The zero value is ready for use.
type attempts struct {
	mu sync.Mutex
	by map[string]*attemptCount
}

type attemptCount struct {
	count int
	since time.Time
}

// wait returns how long an address has to wait, 0 if it does not. If there are more
// addresses than can be counted, new ones wait: one client uses many of them.
func (a *attempts) wait(from string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.by[from]
	switch {
	case t == nil && a.full(now):
		return attemptsExpire
	case t == nil || t.count < maxAttempts:
		return 0
	}
	return max(0, t.since.Add(attemptsExpire).Sub(now))
}

// full reports whether there is no room for another address.
func (a *attempts) full(now time.Time) bool {
	if len(a.by) >= maxAddresses {
		maps.DeleteFunc(a.by, func(_ string, t *attemptCount) bool { return t.expired(now) })
	}
	return len(a.by) >= maxAddresses
}

func (t *attemptCount) expired(now time.Time) bool { return !now.Before(t.since.Add(attemptsExpire)) }

// wrong notes a wrong token.
func (a *attempts) wrong(from string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = make(map[string]*attemptCount)
	}
	t := a.by[from]
	if t == nil || t.expired(now) {
		t = &attemptCount{since: now}
		a.by[from] = t
	}
	t.count++
}
