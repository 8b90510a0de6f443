package fleet

import (
	"slices"
	"sync"
	"time"
)

const (
	// minPause is the time between two looks after which the hub was suspended meanwhile,
	// as by a debugger or a snapshot of its machine.
	minPause = 5 * time.Second
	// maxPauses bounds how many are kept, the newest.
	maxPauses = 100
)

// attention keeps when the hub was suspended: that nothing arrived meanwhile says nothing
// about the services. The zero value is that of a hub that never was.
type attention struct {
	mu     sync.Mutex
	looked time.Time
	pauses []span
}

type span struct{ from, to time.Time }

// Look tells the fleet that the hub runs. It is to be called every second.
func (f *Fleet) Look() {
	now := f.now()
	f.attention.mu.Lock()
	defer f.attention.mu.Unlock()
	f.attention.wake(now)
	f.attention.looked = now
}

// quiet returns how long nothing has arrived that could have: the time since last in
// which the hub was not suspended. The first question after a pause may come before the
// first Look.
func (a *attention) quiet(last, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wake(now)
	quiet := now.Sub(last)
	for _, p := range a.pauses {
		if from := later(p.from, last); p.to.After(from) {
			quiet -= p.to.Sub(from)
		}
	}
	return quiet
}

// wake notes that the hub was suspended, if it was.
func (a *attention) wake(now time.Time) {
	if a.looked.IsZero() || now.Sub(a.looked) <= minPause {
		return
	}
	if len(a.pauses) == maxPauses {
		a.pauses = slices.Delete(a.pauses, 0, 1)
	}
	a.pauses = append(a.pauses, span{a.looked, now})
	a.looked = now
}
