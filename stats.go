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

// Stats is the state of a Monitor since New. Recorded is always the sum of Shipped,
// Dropped and Pending.
type Stats struct {
	Recorded uint64 // requests that were recorded
	Shipped  uint64 // of these, durable in the hub
	Dropped  uint64 // of these, lost: a buffer or the queue was full, the hub rejected them, or Close was called before
	Pending  uint64 // of these, not shipped yet

	Batches   uint64   // batches that are durable in the hub
	Queued    int      // bytes of the encoded batches that wait in the queue
	LastError string   // why the last attempt to ship failed, "" if it succeeded
	Probes    uint64   // requests to health routes and from Kubernetes' probes, which are not recorded
	Ignored   uint64   // requests that a filter or Ignore left out, which are not recorded
	Panics    uint64   // panics of the sink, the logger, a filter or the monitor itself, which were recovered
	Problems  []string // what is wrong with options and checks

	HealthDropped uint64 // health results that were lost: the queue was full, or the hub rejected them
}

// Stats returns the monitor's state.
func (m *Monitor) Stats() Stats {
	s := m.stats.snapshot()
	s.Queued = m.shipper.queue.size()
	s.HealthDropped += m.shipper.health.Dropped()
	s.Probes = m.probes.Load()
	s.Ignored = m.ignored.Load()
	// Read last, so that what is recorded meanwhile counts as pending.
	recorded, dropped := m.recorder.counts()
	s.Recorded = recorded
	s.Dropped += dropped
	s.Pending = recorded - s.Dropped - s.Shipped
	return s
}

// stats counts the fates of requests after the recorder, collects problems, and logs them
// when they change. It is safe for concurrent use.
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
	trouble       string    // the kind of failure last logged; "" after a success
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
		s.log(slog.LevelInfo, "kymo: the hub accepts batches again")
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

// failed notes a failed attempt after which the batch is sent again. It is logged if its
// kind differs from the last one's: texts may differ only by port numbers.
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
		s.log(slog.LevelWarn, "kymo: the hub does not accept batches; requests wait in the queue", "error", err)
	}
}

// problem notes and logs a problem with a check.
func (s *stats) problem(text string) {
	s.mu.Lock()
	s.problems = append(s.problems, text)
	s.mu.Unlock()
	s.log(slog.LevelWarn, "kymo: invalid check", "problem", text)
}

// logWrongOptions logs the problems with the options. New does not, since a logger
// may block.
func (s *stats) logWrongOptions() {
	for _, text := range s.wrongOptions {
		s.log(slog.LevelWarn, "kymo: invalid option", "problem", text)
	}
}

// panicked counts a panic that was recovered, and logs the first.
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
