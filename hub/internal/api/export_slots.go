package api

import (
	"context"
	"sync"
	"time"

	"github.com/kymohq/kymo/hub/internal/webserver"
)

const (
	maxExports   = 8               // files that are sent at once: each holds some megabytes
	maxSnapshots = 1               // likewise: each holds room on the disk
	yieldTime    = 2 * time.Second // for a file that was cut off to leave its slot
)

// exportSlots bounds how many files are sent at once. When all slots are taken, a
// client that does not receive its file gives way to one that might.
type exportSlots struct {
	slots chan struct{}

	mu      sync.Mutex
	answers map[*webserver.Answer]struct{} // those that hold a slot
}

func newExportSlots(n int) *exportSlots {
	return &exportSlots{slots: make(chan struct{}, n), answers: make(map[*webserver.Answer]struct{})}
}

// take reports whether there was a slot for an answer, which must call leave
// afterwards. The answer is nil if it is not known whether its client receives it.
func (s *exportSlots) take(ctx context.Context, a *webserver.Answer) bool {
	select {
	case s.slots <- struct{}{}:
	default:
		if !s.cutOffLongest() {
			return false
		}
		ctx, cancel := context.WithTimeout(ctx, yieldTime)
		defer cancel()
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a != nil {
		s.answers[a] = struct{}{}
	}
	return true
}

func (s *exportSlots) leave(a *webserver.Answer) {
	s.mu.Lock()
	delete(s.answers, a)
	s.mu.Unlock()
	<-s.slots
}

// cutOffLongest cuts off the answer that has been stalled for longest, and reports
// whether there was one.
func (s *exportSlots) cutOffLongest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var victim *webserver.Answer
	var longest time.Duration
	for a := range s.answers {
		if d := a.Stalled(); d > longest {
			victim, longest = a, d
		}
	}
	if victim == nil {
		return false
	}
	victim.CutOff()
	return true
}
