package api

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxEnded bounds the memory for sessions that were ended. Only callers with the read
// token can begin one.
const maxEnded = 10_000

// endedSessions are the sessions that were ended before their time, also after a restart
// if they are saved. Other hubs do not know them. The zero value is ready for use, in
// memory alone.
type endedSessions struct {
	save   func(content string) error // a line for each: when it would have ended by itself, and its id; nil for memory alone
	saving sync.Mutex                 // held while save runs, and taken before mu

	mu sync.Mutex
	at map[string]time.Time // when each would have ended by itself, by id
}

func (e *endedSessions) has(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.at[id]
	return ok
}

// add ends a session, which has happened even if it cannot be saved. If there are
// too many, the one that would end first by itself is forgotten.
func (e *endedSessions) add(id string, ends, now time.Time) error {
	e.saving.Lock()
	defer e.saving.Unlock()
	e.put(id, ends, now)
	if e.save == nil {
		return nil
	}
	if err := e.save(e.content()); err != nil {
		return fmt.Errorf("an ended session is forgotten at the next restart: %w", err)
	}
	return nil
}

// put adds a session to those in memory.
func (e *endedSessions) put(id string, ends, now time.Time) {
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

// content returns all sessions as they are saved.
func (e *endedSessions) content() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var lines strings.Builder
	for id, ends := range e.at {
		fmt.Fprintf(&lines, "%d %s\n", ends.Unix(), id)
	}
	return lines.String()
}

// load sets the sessions to those of a content that was saved, without those that have
// ended by themselves since.
func (e *endedSessions) load(content string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.at = make(map[string]time.Time)
	for line := range strings.Lines(content) {
		unix, id, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		seconds, err := strconv.ParseInt(unix, 10, 64)
		if ends := time.Unix(seconds, 0); err == nil && id != "" && now.Before(ends) {
			e.at[id] = ends
		}
	}
}
