package kymo

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Stats is what a monitor knows about itself. Recorded is always the sum of
// Shipped, Dropped and Pending.
type Stats struct {
	Recorded uint64 // requests that went through the middleware
	Shipped  uint64 // of these, durable in the hub
	Dropped  uint64 // of these, lost: buffers or queue were full, the hub rejected them, or it was after Close
	Pending  uint64 // of these, still on their way

	Batches   uint64   // batches that are durable in the hub
	Queued    int      // bytes that encoded batches take which wait
	LastError string   // why the last attempt to ship failed, "" if it succeeded
	Probes    uint64   // requests for the service's health and Kubernetes' probes; they are not recorded
	Ignored   uint64   // requests that a filter or Ignore left out; they are not recorded
	Panics    uint64   // panics of the sink, the logger or the monitor itself that were contained
	Problems  []string // what was wrong with the options and the checks

	HealthDropped uint64 // results of checks that were lost: the queue was full, or the hub rejected them
}

// Stats returns the state of the monitor.
func (m *Monitor) Stats() Stats {
	s := m.stats.snapshot()
	s.Queued = m.shipper.queue.size()
	s.HealthDropped += m.shipper.health.Dropped()
	s.Probes = m.probes.Load()
	s.Ignored = m.ignored.Load()
	// Read last: what came in between is pending.
	recorded, dropped := m.recorder.counts()
	s.Recorded = recorded
	s.Dropped += dropped
	s.Pending = recorded - s.Dropped - s.Shipped
	return s
}

// stats counts what became of requests after the recorder, collects what is
// wrong, and logs it when it changes. It is safe for concurrent use.
type stats struct {
	logger       *slog.Logger
	wrongOptions []string

	mu            sync.Mutex
	problems      []string
	shipped       uint64
	dropped       uint64
	healthDropped uint64
	batches       uint64
	panics        uint64
	lastError     string
	trouble       string    // the kind of failure that was logged since the last success
	rejection     time.Time // when the sink last rejected a batch
}

func newStats(o *options) *stats {
	return &stats{logger: o.logger, wrongOptions: o.problems, problems: slices.Clone(o.problems)}
}

func (s *stats) snapshot() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Shipped:       s.shipped,
		Dropped:       s.dropped,
		Batches:       s.batches,
		LastError:     s.lastError,
		Panics:        s.panics,
		Problems:      slices.Clone(s.problems),
		HealthDropped: s.healthDropped,
	}
}

func (s *stats) addDropped(requests uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped += requests
}

func (s *stats) addHealthDropped(results int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healthDropped += uint64(results)
}

// delivered notes that a batch is durable.
func (s *stats) delivered(b *batch) {
	s.mu.Lock()
	s.shipped += b.requests
	s.batches++
	trouble := s.trouble
	s.lastError, s.trouble = "", ""
	s.mu.Unlock()
	if trouble != "" {
		s.log(slog.LevelInfo, "kymo: the hub takes batches again")
	}
}

// rejected notes that a batch was dropped because the sink will never take it.
func (s *stats) rejected(b *batch, err error) {
	s.mu.Lock()
	first := s.rejection.IsZero()
	s.rejection = time.Now()
	s.lastError = err.Error()
	s.dropped += b.requests
	s.healthDropped += uint64(b.health)
	s.mu.Unlock()
	if first {
		s.log(slog.LevelError, "kymo: the hub rejects batches; their requests are dropped", "error", err)
	}
}

// rejectedSince reports whether a batch was rejected after t.
func (s *stats) rejectedSince(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rejection.After(t)
}

// failed notes an attempt after which the batch is tried again. It is logged when
// it is of another kind than the last: texts differ by port numbers alone.
func (s *stats) failed(err error) {
	kind := "no answer"
	if h := (*hubError)(nil); errors.As(err, &h) {
		kind = strconv.Itoa(h.status)
	}
	s.mu.Lock()
	changed := s.trouble != kind
	s.lastError, s.trouble = err.Error(), kind
	s.mu.Unlock()
	if changed {
		s.log(slog.LevelWarn, "kymo: the hub does not take batches; requests wait", "error", err)
	}
}

// problem notes and logs what is wrong with a check.
func (s *stats) problem(text string) {
	s.mu.Lock()
	s.problems = append(s.problems, text)
	s.mu.Unlock()
	s.log(slog.LevelWarn, "kymo: wrong check", "problem", text)
}

// logWrongOptions logs what is wrong with the options. New does not: a logger may
// block.
func (s *stats) logWrongOptions() {
	for _, text := range s.wrongOptions {
		s.log(slog.LevelWarn, "kymo: wrong option", "problem", text)
	}
}

// panicked counts a panic that was contained, and logs the first.
func (s *stats) panicked(task string, v any) {
	s.mu.Lock()
	s.panics++
	first := s.panics == 1
	s.mu.Unlock()
	if first {
		s.log(slog.LevelError, "kymo: panic while "+task, "panic", v)
	}
}

func (s *stats) log(level slog.Level, msg string, args ...any) {
	defer func() {
		if recover() != nil {
			s.mu.Lock()
			s.panics++
			s.mu.Unlock()
		}
	}()
	s.logger.Log(context.Background(), level, msg, args...)
}
