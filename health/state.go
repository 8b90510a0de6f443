package health

import (
	"math/bits"
	"time"
)

// A check starts to flap when flapStart of the last flapWindow runs had another result
// than the run before: one outage and recovery accounts for two. It stops when flapCalm
// runs had none.
const (
	flapWindow = 16
	flapStart  = 5
	flapCalm   = 8
	// flapDown is how many runs in a row must see Down for the status to be so while the
	// check flaps, unless the threshold is higher.
	flapDown = 4
)

// State is the status of a check, after its thresholds, and what goes with it.
type State struct {
	Status Status
	// Flapping is whether the results of its runs alternate. As long as they do, the
	// status is Degraded, or Down after several runs in a row.
	Flapping bool
	Since    time.Time // when the status became what it is
}

// machine turns the results of single runs into a State. Each change takes a number of
// runs in a row: with the status in question or a worse one on the way down, or a
// better one on the way up. The status is Unknown until a threshold is reached for the
// first time, and after a run that could not tell. Such a run ends no row.
type machine struct {
	State
	failures, successes int

	known    Status // the status by the runs that could tell
	last     Status // what the last run saw
	told     Status // what the last run saw that could tell
	flapping bool
	atLeast  [4]int // runs in a row, up to the last, that saw this status or worse
	atMost   [4]int // or better
	changes  uint32 // bit i: the i-th last run saw something else than the one before
	held     *Past  // what was recalled; nil after the first run that could tell

	// failing is since when the status has been this one or a worse one, whatever it was
	// Unknown in between; zero if it is not.
	failing [4]time.Time
}

// resume begins with a status that was reached earlier.
func (m *machine) resume(s State) {
	m.State, m.known, m.flapping = s, s.Status, false
	m.State.Flapping = false
}

// recall begins with what was known earlier, possibly in another process.
func (m *machine) recall(p *Past, now time.Time) {
	for _, seen := range p.Recent {
		m.note(seen)
	}
	if m.flapping = p.State.Flapping; m.flapping {
		// What came before is not known, so its end is not taken from it.
		m.changes |= 1 << min(len(p.Recent), flapCalm-1)
	}
	m.known, m.held = p.State.Status, p
	if m.State = p.State; now.After(p.Until) {
		m.State = State{Status: Unknown, Since: p.Last.At}
	}
}

// observe records the status of a run and reports whether the state's status changed.
// While the check is starting, a run that fails does not count.
func (m *machine) observe(at time.Time, seen Status, starting bool) (changed bool) {
	m.last = seen
	switch {
	case seen == Unknown:
		return m.become(at, Unknown)
	case seen == Down && starting && m.known == Unknown:
		return m.become(at, Unknown)
	}
	m.note(seen)
	if bits.OnesCount32(m.changes) >= flapStart {
		m.flapping = true
	}
	if m.flapping && m.changes&(1<<flapCalm-1) == 0 {
		m.flapping, m.changes = false, 0
	}
	m.known = m.next()
	changed = m.become(at, m.known)
	if p := m.held; p != nil && m.known != Unknown {
		if m.Status == p.State.Status {
			if m.Since = p.State.Since; at.After(p.Until) {
				m.Since = at
			}
		}
		m.held = nil
	}
	return changed
}

// note adds what a run saw to those before.
func (m *machine) note(seen Status) {
	m.changes <<= 1
	if m.told != Unknown && seen != m.told {
		m.changes |= 1
	}
	m.changes &= 1<<flapWindow - 1
	m.told = seen
	m.count(seen)
}

func (m *machine) count(seen Status) {
	for s := Healthy; s <= Down; s++ {
		if seen >= s {
			m.atLeast[s]++
		} else {
			m.atLeast[s] = 0
		}
		if seen <= s {
			m.atMost[s]++
		} else {
			m.atMost[s] = 0
		}
	}
}

// next returns the status that follows from the runs so far.
func (m *machine) next() Status {
	if m.flapping {
		if m.atLeast[Down] >= max(m.failures, flapDown) {
			return Down
		}
		return Degraded
	}
	s := m.known
	for to := Down; to > max(s, Healthy); to-- {
		if m.atLeast[to] >= m.failures {
			return to
		}
	}
	better := s // a run of successes leads to a status below this one; from Unknown, never to Down
	if s == Unknown {
		better = Down
	}
	for to := Healthy; to < better; to++ {
		if m.atMost[to] >= m.successes {
			return to
		}
	}
	return s
}

func (m *machine) become(at time.Time, s Status) bool {
	m.State.Flapping = m.flapping && s != Unknown
	if s == m.Status && !m.Since.IsZero() {
		return false
	}
	changed := s != m.Status
	m.Status, m.Since = s, at
	for level := Degraded; level <= Down && s != Unknown; level++ {
		if s < level {
			m.failing[level] = time.Time{}
		} else if m.failing[level].IsZero() {
			m.failing[level] = at
		}
	}
	return changed
}

// failingSince returns since when the status has been what it is or worse.
func (m *machine) failingSince() time.Time {
	if at := m.failing[m.Status]; !at.IsZero() && at.Before(m.Since) {
		return at
	}
	return m.Since
}

// doubtful reports whether the last run's status differs from the state's, so that the
// next run should follow soon.
func (m *machine) doubtful() bool {
	return m.last != Unknown && m.last != m.Status && !m.Flapping
}
