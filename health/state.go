package health

import (
	"math/bits"
	"time"
)

// A check starts to flap when flapStart of the last flapWindow runs had another result
// than the run before, and stops when at most flapEnd had. One outage and recovery
// accounts for two.
const (
	flapWindow = 16
	flapStart  = 5
	flapEnd    = 1
)

// State is the status of a check, after its thresholds, and what goes with it.
type State struct {
	Status Status
	// Flapping is whether the results of its runs alternate. As long as they do, the
	// status is at least Degraded, and gets no better.
	Flapping bool
	Since    time.Time // when the status became what it is
}

// machine turns the results of single runs into a State. Each change takes a number of
// runs in a row: with the status in question or a worse one on the way down, or a
// better one on the way up. From Unknown the first run decides.
type machine struct {
	State
	failures, successes int

	last    Status // what the last run saw
	atLeast [4]int // runs in a row, up to the last, that saw this status or worse
	atMost  [4]int // or better
	changes uint32 // bit i: the i-th last run saw something else than the one before
}

// observe records the status of a run and reports whether the state's status changed.
func (m *machine) observe(at time.Time, seen Status) (changed bool) {
	if seen == Unknown || m.last == Unknown {
		m.atLeast, m.atMost, m.changes, m.Flapping = [4]int{}, [4]int{}, 0, false
		m.last = seen
		m.count(seen)
		return m.become(at, seen)
	}
	m.changes <<= 1
	if seen != m.last {
		m.changes |= 1
	}
	m.changes &= 1<<flapWindow - 1
	m.last = seen
	m.count(seen)
	switch n := bits.OnesCount32(m.changes); {
	case n >= flapStart:
		m.Flapping = true
	case n <= flapEnd:
		m.Flapping = false
	}
	return m.become(at, m.next())
}

func (m *machine) count(seen Status) {
	for s := Healthy; s <= Down; s++ {
		if seen >= s {
			m.atLeast[s]++
		} else {
			m.atLeast[s] = 0
		}
		if seen != Unknown && seen <= s {
			m.atMost[s]++
		} else {
			m.atMost[s] = 0
		}
	}
}

// next returns the status that follows from the runs so far.
func (m *machine) next() Status {
	s := m.Status
	for to := Down; to > s; to-- {
		if m.atLeast[to] >= m.failures {
			return to
		}
	}
	if m.Flapping {
		return max(s, Degraded)
	}
	for to := Healthy; to < s; to++ {
		if m.atMost[to] >= m.successes {
			return to
		}
	}
	return s
}

func (m *machine) become(at time.Time, s Status) bool {
	if s == m.Status && !m.Since.IsZero() {
		return false
	}
	changed := s != m.Status
	m.Status, m.Since = s, at
	return changed
}

// doubtful reports whether the last run's status differs from the state's, so that the
// next run should follow soon.
func (m *machine) doubtful() bool {
	return m.last != Unknown && m.last != m.Status && !m.Flapping
}
