package api

import (
	"maps"
	"sync"
	"time"
)

// maxEnded bounds the memory for sessions that were ended. Only callers with the read
// token can begin one.
const maxEnded = 10_000

// endedSessions are the sessions that were ended before their time. They are in memory:
// other hubs do not know them, and neither does this one after a restart. The zero
// value is ready for use.
type endedSessions struct {
	mu sync.Mutex
	at map[string]time.Time // when each would have ended by itself, by id
}

func (e *endedSessions) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.at[id]
	return ok
}

// add ends a session. If there are too many, the one that would end first by itself is
// forgotten.
func (e *endedSessions) add(id string, ends, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at == nil {
		e.at = make(map[string]time.Time)
	}
	if len(e.at) >= maxEnded {
		maps.DeleteFunc(e.at, func(_ string, ends time.Time) bool { return !now.Before(ends) })
	}
	if len(e.at) >= maxEnded {
		first := ""
		for other, at := range e.at {
			if first == "" || at.Before(e.at[first]) {
				first = other
			}
		}
		delete(e.at, first)
	}
	e.at[id] = ends
}
