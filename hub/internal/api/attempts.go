package api

import (
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

const (
	maxAttempts    = 10 // wrong tokens from one address in a minute
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

// guess takes note of a wrong token, unless too many came from its address: then it
// returns how long that has to wait. The right token is always welcome: behind a proxy
// all callers have one address.
func (a *API) guess(r *http.Request) (wait time.Duration) {
	return a.attempts.wrong(caller(r.RemoteAddr), a.Now())
}

// mayGuess reports whether a wrong token is one of the few that an address may send,
// and takes note of it. If it is not, the request is answered.
func (a *API) mayGuess(w http.ResponseWriter, r *http.Request) bool {
	if wait := a.guess(r); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		writeProblem(w, http.StatusTooManyRequests, "too many wrong tokens came from this address; try again in a minute")
		return false
	}
	return true
}

// caller returns what the wrong tokens from an address are counted by. Of IPv6 that is
// the network, since a client may use any address of its own network.
func caller(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote // a socket of another kind
	}
	ip := at.Addr().Unmap()
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}

// wrong notes a wrong token, and returns 0, or how long its address has to wait. If
// there are more addresses than can be counted, new ones wait: one client uses many of
// them.
func (a *attempts) wrong(from string, now time.Time) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.by[from]
	switch {
	case t == nil && a.full(now):
		return attemptsExpire
	case t == nil || t.expired(now):
		if a.by == nil {
			a.by = make(map[string]*attemptCount)
		}
		t = &attemptCount{since: now}
		a.by[from] = t
	case t.count >= maxAttempts:
		return t.since.Add(attemptsExpire).Sub(now)
	}
	t.count++
	return 0
}

// full reports whether there is no room for another address.
func (a *attempts) full(now time.Time) bool {
	if len(a.by) >= maxAddresses {
		maps.DeleteFunc(a.by, func(_ string, t *attemptCount) bool { return t.expired(now) })
	}
	return len(a.by) >= maxAddresses
}

func (t *attemptCount) expired(now time.Time) bool { return !now.Before(t.since.Add(attemptsExpire)) }
