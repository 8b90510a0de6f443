// Package clock judges the clock of the machine. A clock that is wrong for a minute must
// not delete a week of data, nor keep requests of now out, so what is deleted by age
// needs two witnesses: the clock, and the last trusted time plus the time since then by
// the monotonic clock, which cannot be set.
package clock

import (
	"sync"
	"time"
)

const (
	// slack is how far the clock may step without being doubted.
	slack = 5 * time.Minute

	// quarantine is how long a clock that stepped must go steadily to be believed.
	quarantine = time.Hour

	// catchUp is how many times as fast as time the reckoned time then follows a clock
	// that went ahead: after three weeks of sleep, it is there within a day.
	catchUp = 24

	// away is how long a hub may have been off before its clock is doubted aloud. As for
	// deletion, it is doubted anyway.
	away = 24 * time.Hour
)

// Clock is the machine's clock, and how far it can be trusted. Its methods may be called by many
// goroutines at once.
type Clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	mu       sync.Mutex
	known    bool          // whether reckoned is more than the first reading
	proven   bool          // whether there was ever a second witness
	since    time.Duration // when the clock last stepped, by the monotonic clock
	reckoned time.Time     // the last trusted time, carried on
	at       time.Duration // when that was, by the monotonic clock
	server   time.Time     // the time by the server of the data; zero if there is none
	asked    time.Duration // when that was, by the monotonic clock
	step     *step         // in doubt, unless nil
}

// step is a difference between the clock and the reckoned time that is too large.
type step struct {
	at      time.Duration // when it was seen, by the monotonic clock
	zero    time.Time     // the clock's time when the monotonic clock began
	started bool          // the hub was off before it
}

var start = time.Now()

// Elapsed is the monotonic clock of package time, and goes on while the machine sleeps.
func Elapsed() time.Duration { return time.Since(start) + asleep() }

// New returns a Clock that reads wall, and a monotonic clock like Elapsed beside it.
func New(wall func() time.Time, elapsed func() time.Duration) *Clock {
	at := elapsed()
	return &Clock{wall: wall, elapsed: elapsed, reckoned: wall().Round(0), at: at, since: at}
}

// Of returns a Clock that reads now alone, and so is never in doubt.
func Of(now func() time.Time) *Clock {
	begin := now()
	c := New(now, func() time.Duration { return now().Sub(begin) })
	c.proven = true
	return c
}

// Now returns the time by the clock.
func (c *Clock) Now() time.Time { return c.wall() }

// Remember sets the reckoned time to that at which an earlier process ended. It must be
// called before Observe.
func (c *Clock) Remember(last time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proven = true
	now := c.wall().Round(0)
	if now.Sub(last).Abs() <= slack {
		c.known = true
		return
	}
	c.known, c.reckoned, c.at = true, last.Round(0), c.elapsed()
	c.step = &step{at: c.at, zero: now.Add(-c.at), started: true}
}

// SetServer sets the time that the server of the data has just answered.
func (c *Clock) SetServer(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.asked, c.proven = now.Round(0), c.elapsed(), true
}

// Observe compares the clocks. It must be called every few minutes.
func (c *Clock) Observe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, mono := c.wall().Round(0), c.elapsed()
	if ahead := c.aheadOfServer(now, mono); ahead > slack {
		now = now.Add(-ahead)
	}
	passed := mono - c.at
	c.reckoned, c.at = c.reckoned.Add(passed), mono
	ahead := now.Sub(c.reckoned)
	zero := now.Add(-mono)
	switch {
	case ahead.Abs() <= slack, !c.known:
		c.known, c.reckoned, c.step = true, now, nil
	case c.step == nil || zero.Sub(c.step.zero).Abs() > slack:
		// A hub that starts with a wrong clock is still one that was off when that is set.
		c.step, c.since = &step{at: mono, zero: zero, started: c.step != nil && c.step.started}, mono
	case mono-c.step.at < quarantine:
	case ahead < 0:
		c.reckoned, c.step = now, nil
	default:
		c.reckoned = c.reckoned.Add(min(ahead, (catchUp-1)*passed))
	}
	c.proven = c.proven || mono-c.since >= quarantine
}

// Proven reports whether data may be deleted by the clock at all. The clock of a new store
// has no witness: neither an earlier process nor a server. It must go steadily for an hour
// first, in which a clock that was wrong at the start is often set right.
func (c *Clock) Proven() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proven
}

// Past returns the time by which data may be deleted: the earliest of the clocks.
func (c *Clock) Past() time.Time {
	now, reckoned, server := c.all()
	for _, t := range []time.Time{reckoned, server} {
		if t.Before(now) {
			now = t
		}
	}
	return now
}

// Reckoned returns the time to be remembered for the next process: the reckoned time, or
// that of the server if it is earlier. It does not follow a clock that went back before that
// is believed. The next process would believe it at once, and take what is of now for
// something of the future.
func (c *Clock) Reckoned() time.Time {
	now, reckoned, _ := c.all()
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := c.aheadOfServer(now, c.elapsed()); ahead > slack && now.Add(-ahead).Before(reckoned) {
		return now.Add(-ahead)
	}
	return reckoned
}

// Future returns the latest of this machine's clock and the reckoned time.
func (c *Clock) Future() time.Time {
	now, reckoned, _ := c.all()
	if now.After(reckoned) {
		return now
	}
	return reckoned
}

// all returns the time by the clock, the reckoned time, and the time by the server's
// clock. They are the same unless a clock is in doubt.
func (c *Clock) all() (now, reckoned, server time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = c.wall().Round(0)
	mono := c.elapsed()
	reckoned, server = c.reckoned.Add(mono-c.at), now
	if c.step == nil && now.Sub(reckoned).Abs() <= slack {
		reckoned = now
	}
	if ahead := c.aheadOfServer(now, mono); ahead.Abs() > slack {
		server = now.Add(-ahead)
	}
	return now, reckoned, server
}

// aheadOfServer returns how far the clock is ahead of the server's.
func (c *Clock) aheadOfServer(now time.Time, mono time.Duration) time.Duration {
	if c.server.IsZero() {
		return 0
	}
	return now.Sub(c.server.Add(mono - c.asked))
}
