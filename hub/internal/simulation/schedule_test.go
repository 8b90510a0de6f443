package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// schedule is all that a seed decides.
type schedule struct {
	seed    uint64
	age     time.Duration // of the retention
	memory  int           // requests that the store holds in memory
	durable int           // bytes that Pebble holds in memory
	hold    time.Duration // for which both hold them at most
	long    bool          // clocks may stay wrong until they are believed
	steps   []step
}

// step is something that happens. What else it decides comes from its own seed, so that
// others can be left out without changing it.
type step struct {
	kind kind
	seed uint64
}

type kind int

const (
	send      kind = iota // a new batch
	burst                 // several senders at once
	hold                  // a batch that will come late
	duplicate             // batches that were acknowledged come again
	retry                 // batches come that were held back or refused
	wait                  // seconds or minutes pass
	sleep                 // hours pass
	ask                   // the answers are compared
	crash                 // the power fails
	crashAt               // the power fails at some operation
	stop                  // the hub is stopped and started again
	breakDisk             // operations of the disk fail
	fillDisk              // the disk is full
	slowDisk
	healDisk
	stepClock
	rightClock
	damage  // a file is damaged while the hub is off
	squeeze // the store must become smaller
	kinds
)

var kindNames = [kinds]string{"send", "burst", "hold", "duplicate", "retry", "wait", "sleep", "ask", "crash", "crash at", "stop",
	"break disk", "fill disk", "slow disk", "heal disk", "step clock", "right clock", "damage", "squeeze"}

func (k kind) String() string { return kindNames[k] }

// weights are how often each kind of step comes if a seed does not decide otherwise.
var weights = [kinds]int{send: 30, burst: 6, hold: 6, duplicate: 6, retry: 8, wait: 12, sleep: 4, ask: 5, crash: 4, crashAt: 6, stop: 3,
	breakDisk: 4, fillDisk: 2, slowDisk: 1, healDisk: 5, stepClock: 2, rightClock: 3, damage: 2, squeeze: 1}

// newSchedule returns the schedule of a seed. Each seed has faults of its own choice, some
// of which are frequent: where all faults are possible at any time, few get far.
func newSchedule(seed uint64) *schedule {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{
		seed:    seed,
		age:     time.Duration(1+r.IntN(30)) * time.Hour,
		memory:  20 + r.IntN(200),
		durable: 1000 + r.IntN(20_000),
		hold:    []time.Duration{time.Minute, 5 * time.Minute, time.Hour}[r.IntN(3)],
		long:    r.IntN(10) == 0,
	}
	w := weights
	for k := crash; k < kinds; k++ {
		w[k] *= []int{0, 0, 1, 1, 4}[r.IntN(5)]
	}
	if w[damage] > 0 && r.IntN(3) > 0 { // it makes the model more lenient
		w[damage] = 0
	}
	total := 0
	for _, n := range w {
		total += n
	}
	for range 15 + r.IntN(30) {
		n, k := r.IntN(total), kind(0)
		for n >= w[k] {
			n -= w[k]
			k++
		}
		s.steps = append(s.steps, step{k, r.Uint64()})
	}
	return s
}

func (s *schedule) String() string {
	return fmt.Sprintf("seed %d: retention %s, memory %d requests, Pebble %d bytes, %s at most, long %t, %d steps",
		s.seed, s.age, s.memory, s.durable, s.hold, s.long, len(s.steps))
}

// without returns the schedule without the steps [from, to).
func (s *schedule) without(from, to int) *schedule {
	shorter := *s
	shorter.steps = append(append([]step{}, s.steps[:from]...), s.steps[to:]...)
	return &shorter
}
