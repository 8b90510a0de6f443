package pebblestore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// asked is a database that is asked for compactions. Like Pebble, it does not try
// again what was refused.
type asked struct {
	pebble.DBForCompaction
	s       *scheduler
	due     int    // compactions that were refused
	begun   int    // compactions
	between func() // what happens once it was asked, before its answer is seen
}

func (d *asked) try() {
	if ok, _ := d.s.TrySchedule(); ok {
		d.begun++
	} else {
		d.due++
	}
}

func (d *asked) then() {
	if f := d.between; f != nil {
		d.between = nil
		f()
	}
}

// GetWaitingCompaction implements pebble.DBForCompaction.
func (d *asked) GetWaitingCompaction() (bool, pebble.WaitingCompaction) {
	waits := d.due > 0
	if !waits {
		d.then()
	}
	return waits, pebble.WaitingCompaction{}
}

// Schedule implements pebble.DBForCompaction.
func (d *asked) Schedule(pebble.CompactionGrantHandle) bool {
	d.due--
	d.begun++
	d.then()
	return true
}

// TestSchedulerForgetsNone lets something happen at each moment at which the database was
// asked and its answer is not yet known.
func TestSchedulerForgetsNone(t *testing.T) {
	for _, test := range []struct {
		name    string
		due     int // when the first compaction ends
		happens func(*asked)
		begun   int
	}{
		{"nothing", 0, func(*asked) {}, 1},
		{"one becomes due", 0, (*asked).try, 2},
		{"the next ends", 2, func(d *asked) { d.s.Done() }, 3},
		{"the next ends and one becomes due", 1, func(d *asked) { d.s.Done(); d.try() }, 3},
		{"pause and resume", 0, func(d *asked) { d.s.pause(); d.try(); d.s.resume() }, 2},
		{"it is forbidden", 0, func(d *asked) { d.try(); d.s.forbid() }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScheduler()
			d := &asked{s: s}
			s.Register(1, d)
			s.allow()
			d.try()
			d.between = func() { test.happens(d) }
			for range test.due {
				d.try()
			}
			s.Done()
			if d.begun != test.begun {
				t.Errorf("%d compactions have begun, and %d are due; want %d to begin", d.begun, d.due, test.begun)
			}
			s.Unregister()
		})
	}
}
