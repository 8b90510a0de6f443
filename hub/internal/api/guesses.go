package api

import (
	"maps"
	"sync"
	"time"
)

const (
	maxGuesses    = 10 // wrong tokens of one address in a minute
	maxAddresses  = 4096
	guessesExpire = time.Minute
)

// guesses counts wrong tokens by address, so that somebody at a keyboard is told,
// and a client that has an old one does not ask on and on. What keeps a token from
// being guessed is its length. An address has its tries back a minute after the first of them. The
// zero value is ready for use.
type guesses struct {
	mu sync.Mutex
	by map[string]*tally
}

type tally struct {
	count int
	since time.Time
}

// wait is how long an address is not answered; 0 if it is. Of more addresses than
// can be counted, new ones wait: somebody has many of them.
func (g *guesses) wait(from string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.by[from]
	switch {
	case t == nil && g.full(now):
		return guessesExpire
	case t == nil || t.count < maxGuesses:
		return 0
	}
	return max(0, t.since.Add(guessesExpire).Sub(now))
}

// full says whether there is no room for another address.
func (g *guesses) full(now time.Time) bool {
	if len(g.by) >= maxAddresses {
		maps.DeleteFunc(g.by, func(_ string, t *tally) bool { return t.expired(now) })
	}
	return len(g.by) >= maxAddresses
}

func (t *tally) expired(now time.Time) bool { return !now.Before(t.since.Add(guessesExpire)) }

// wrong notes a wrong token.
func (g *guesses) wrong(from string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = make(map[string]*tally)
	}
	t := g.by[from]
	if t == nil || t.expired(now) {
		t = &tally{since: now}
		g.by[from] = t
	}
	t.count++
}
