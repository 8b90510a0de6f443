package pebblestore

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// scheduler lets one compaction run at a time, and none before the database is open or
// after it was abandoned: an Open that fails halfway frees what a compaction that it
// started may still use.
type scheduler struct {
	mu       sync.Mutex
	granted  sync.Cond // a grant ended
	db       pebble.DBForCompaction
	allowed  bool
	paused   bool // a compaction met damage
	running  bool // a compaction
	granting bool // db is being asked for one
	ask      bool // db may have become ready for one since it was asked
}

func newScheduler() *scheduler {
	s := &scheduler{}
	s.granted.L = &s.mu
	return s
}

// Register is called by Pebble's Open.
func (s *scheduler) Register(_ int, db pebble.DBForCompaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db = db
}

// Unregister waits until db is no longer asked for compactions.
func (s *scheduler) Unregister() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = false
	for s.granting {
		s.granted.Wait()
	}
}

// allow starts the compactions, once the database is open.
func (s *scheduler) allow() {
	s.mu.Lock()
	s.allowed = true
	s.grantAndUnlock()
}

// pause lets no compaction start until resume is called.
func (s *scheduler) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
}

// resume lets compactions start again, if they were paused. It does not wait for the
// database, which may hold its locks forever.
func (s *scheduler) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		return
	}
	s.paused = false
	go func() {
		s.mu.Lock()
		s.grantAndUnlock()
	}()
}

// forbid lets no further compaction start.
func (s *scheduler) forbid() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.allowed = false
}

// TrySchedule is called by the database when it has something to compact. Once refused,
// the database does not try again: it must be asked.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.allowed || s.paused || s.running {
		s.ask = true
		return false, nil
	}
	s.running = true
	return true, s
}

// UpdateGetAllowedWithoutPermission does nothing, since the limit is fixed.
func (s *scheduler) UpdateGetAllowedWithoutPermission() {}

// Started is called when a compaction begins.
func (s *scheduler) Started() {}

// MeasureCPU is called by each goroutine of a compaction.
func (s *scheduler) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats is called from time to time by a compaction.
func (s *scheduler) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done is called when a compaction has ended.
func (s *scheduler) Done() {
	s.mu.Lock()
	s.running = false
	s.grantAndUnlock()
}

// grantAndUnlock starts a compaction if the database waits for one. It asks the database
// without holding the lock, since that calls TrySchedule with a lock of its own held. If
// something is refused or ends meanwhile, the database is asked again.
func (s *scheduler) grantAndUnlock() {
	defer s.mu.Unlock()
	s.ask = true
	for s.ask && s.allowed && !s.paused && !s.running && !s.granting {
		s.ask, s.granting, s.running = false, true, true
		s.mu.Unlock()
		waiting, _ := s.db.GetWaitingCompaction()
		started := waiting && s.db.Schedule(s)
		s.mu.Lock()
		s.granting = false
		if !started {
			s.running = false
		}
		s.granted.Broadcast()
	}
}
