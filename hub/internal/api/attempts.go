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

// attempts counts wrong tokens by address, so that a client with an old token does not
// keep retrying. It is the length of a token that prevents guessing. The count of an
// address expires a minute after its first attempt. The zero value is ready for use.
type attempts struct {
	mu    sync.Mutex
	by    map[string]*attemptCount
	swept time.Time // when expired counts were last looked for
}

type attemptCount struct {
	count int
	since time.Time
}

// guess counts a wrong token. If too many came from its address, it returns how long
// that address has to wait. The right token is always accepted, since all callers
// behind a proxy have one address.
func (a *API) guess(r *http.Request) (wait time.Duration) {
	return a.attempts.wrong(caller(r.RemoteAddr), a.Now())
}

// mayGuess counts a wrong token and reports whether its address is still within the
// limit. If not, it has answered the request.
func (a *API) mayGuess(w http.ResponseWriter, r *http.Request) bool {
	if wait := a.guess(r); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		writeProblem(w, http.StatusTooManyRequests, "too many wrong tokens came from this address; try again in a minute")
		return false
	}
	return true
}

// caller returns the key by which wrong tokens from an address are counted. For IPv6
// it is the network, since a client may use any address of its own network.
func caller(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote // not an IP address
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

// wrong counts a wrong token and returns how long its address has to wait, or 0. If
// there are more addresses than can be counted, new ones wait, since a client may use
// many.
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
	// Not each time: guesses from ever new addresses would cost a search each.
	if len(a.by) >= maxAddresses && now.Sub(a.swept).Abs() >= time.Second {
		a.swept = now
		maps.DeleteFunc(a.by, func(_ string, t *attemptCount) bool { return t.expired(now) })
	}
	return len(a.by) >= maxAddresses
}

func (t *attemptCount) expired(now time.Time) bool { return !now.Before(t.since.Add(attemptsExpire)) }
