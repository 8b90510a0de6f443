package fleet

import "time"

// Resume makes a service known that was discovered before the hub was started, unless its
// last heartbeat is more than a day ago. It is unknown until its next heartbeat, and down
// if there is none until downAfter from now on.
func (f *Fleet) Resume(name string, last time.Time) {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.services[name] != nil || f.discovered >= f.limits.Services || now.Sub(last) > serviceExpiry {
		return
	}
	f.services[name] = &service{silence: DefaultSilence, instances: make(map[string]*instance), last: last, awaited: now}
	f.discovered++
}
