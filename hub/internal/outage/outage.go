// Package outage logs what fails for a while: one line when that begins, one an hour while
// it lasts, and one when it has ended, however often it fails in between.
package outage

import (
	"log/slog"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/duration"
)

const (
	// settled is how long nothing may fail for an outage to have ended: on a full disk,
	// what is small succeeds between failures.
	settled = 10 * time.Second

	// remindEvery is how often an outage is logged while it lasts.
	remindEvery = time.Hour
)

// Log logs the outages of one thing. All its fields must be set. It is safe for concurrent
// use.
type Log struct {
	Logger     *slog.Logger
	Now        func() time.Time
	Begin, End string // messages
	Count      string // the name of what Failed counts

	mu     sync.Mutex
	since  time.Time // when the outage began; zero if there is none
	last   time.Time // when it last failed
	logged time.Time
	failed int
}

// Failed notes that so many failed.
func (l *Log) Failed(n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	l.failed, l.last = l.failed+n, now
	switch {
	case l.since.IsZero():
		l.since, l.logged = now, now
		l.Logger.Error(l.Begin, "error", err)
	case now.Sub(l.logged) >= remindEvery:
		l.logged = now
		l.Logger.Error(l.Begin, "error", err, "for", l.lasted(), l.Count, l.failed)
	}
}

// Worked notes that it works, which ends an outage once nothing has failed for a while.
func (l *Log) Worked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() || l.Now().Sub(l.last) < settled {
		return
	}
	l.Logger.Info(l.End, "after", l.lasted(), l.Count, l.failed)
	l.since, l.failed = time.Time{}, 0
}

func (l *Log) lasted() string { return duration.Seconds(l.last.Sub(l.since)) }
