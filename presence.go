package kymo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/wire"
)

const (
	presentEvery   = 10 * time.Second
	presentTimeout = 2 * time.Second
	// refusedPause is how long a sink that rejects presence, such as a hub of an
	// earlier version, is left in peace.
	refusedPause = 10 * time.Minute
)

// observe is told of each run of a check.
func (s *shipper) observe(o health.Observation) {
	s.health.Observe(o)
	if o.Before == o.State.Status {
		return
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// history puts what the checks saw into parcels of their own, so that a hub
// that cannot read it loses no requests. The collector calls it.
func (s *shipper) history(all bool) {
	for {
		results := s.health.Take(all)
		if len(results) == 0 {
			return
		}
		p := &parcel{bytes: s.encoder.history(results), made: time.Now(), health: len(results)}
		if s.queue.push(p) {
			s.encoder.keep()
			continue
		}
		s.mu.Lock()
		s.unseen += uint64(len(results))
		s.mu.Unlock()
	}
}

// present tells the sink that this instance is there, or leaving, and how its
// checks stand. It is no loss if it fails: it is said again soon, and a hub that
// is away asks for nothing. The sender calls it, whose calls do not overlap.
func (s *shipper) present(kind wire.Kind) {
	s.mu.Lock()
	silent := s.trouble != "" || !s.refused.IsZero() && time.Since(s.refused) < refusedPause
	s.mu.Unlock()
	if silent {
		return
	}
	select {
	case <-s.news: // this is the news
	default:
	}
	ctx, cancel := context.WithTimeout(s.ctx, presentTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			s.panicked("telling the hub of the checks", v)
		}
	}()
	err := s.sink.Ship(ctx, s.encoder.presence(kind, s.report()))
	if errors.Is(err, ErrRejected) {
		s.mu.Lock()
		s.refused = time.Now()
		s.mu.Unlock()
	}
}

// problem notes and logs what is wrong with a check.
func (s *shipper) problem(text string) {
	s.mu.Lock()
	s.problems = append(s.problems, text)
	s.mu.Unlock()
	s.log(slog.LevelWarn, "kymo: wrong check", "problem", text)
}
