package health

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// Statuses as letters: u, h, g (degraded) and d.
const letters = "uhgd"

func status(t *testing.T, letter rune) Status {
	t.Helper()
	i := strings.IndexRune(letters, letter)
	if i < 0 {
		t.Fatalf("no status has the letter %q", letter)
	}
	return Status(i)
}

// states runs what runs saw through a machine and returns the status after each;
// in upper case while it is flapping.
func states(t *testing.T, failures, successes int, seen string) string {
	t.Helper()
	m := machine{failures: failures, successes: successes}
	var b strings.Builder
	for i, letter := range seen {
		m.observe(time.Unix(int64(i), 0), status(t, letter))
		s := letters[m.Status : m.Status+1]
		if m.Flapping {
			s = strings.ToUpper(s)
		}
		b.WriteString(s)
	}
	return b.String()
}

func TestMachine(t *testing.T) {
	for _, c := range []struct {
		name                string
		failures, successes int
		seen, want          string
	}{
		{"the first run decides", 3, 3, "h", "h"},
		{"the first run decides, down", 3, 3, "d", "d"},
		{"the first run decides, degraded", 3, 3, "g", "g"},
		{"one failure is no outage", 2, 2, "hhdhh", "hhhhh"},
		{"two are", 2, 2, "hhdd", "hhhd"},
		{"one success is no recovery", 2, 2, "ddhdd", "ddddd"},
		{"two are", 2, 2, "ddhh", "dddh"},
		{"without thresholds each run decides", 1, 1, "hdhg", "hdhg"},
		{"worse and worse counts for the milder", 2, 2, "hgd", "hhg"},
		{"and then for the worse", 2, 2, "hgdd", "hhgd"},
		{"down after failures that were degraded needs its own", 3, 2, "hggdddd", "hhhggdd"},
		{"better and better counts for the worse", 2, 2, "ddgh", "dddg"},
		{"and then for the better", 2, 2, "ddghh", "dddgh"},
		{"degraded from down", 2, 2, "ddgg", "dddg"},
		{"a healthy run ends a row of failures", 3, 1, "hddhdd", "hhhhhh"},
		{"unknown at once, and the first run after it decides", 3, 3, "hud", "hud"},
		{"unknown forgets the rows", 2, 2, "hdud", "hhud"},
		{"unknown at the start", 2, 2, "uuh", "uuh"},
		{"broken and mended is not flapping", 1, 1, "hhddddhhhhddddhhhh", "hhddddhhhhddddhhhh"},
	} {
		if got := states(t, c.failures, c.successes, c.seen); got != c.want {
			t.Errorf("%s: %s gives %s, want %s", c.name, c.seen, got, c.want)
		}
	}
}

func TestFlapping(t *testing.T) {
	for _, c := range []struct {
		name                string
		failures, successes int
		seen, want          string
	}{
		{"alternating is degraded, once", 2, 2, "hdhdhdhdhdhd", "hhhhhGGGGGGG"},
		{"alternating between healthy and degraded", 2, 2, "hghghghg", "hhhhhGGG"},
		{"alternating without a threshold on the way down stays down", 1, 2, "hdhdhdhdhd", "hddddDDDDD"},
		{"it gets worse while flapping", 2, 2, "hdhdhddd", "hhhhhGDD"},
		{"it ends once the window is calm", 2, 2, "hdhdhd" + strings.Repeat("h", 18), "hhhhhG" + strings.Repeat("G", 15) + "hhh"},
		{"unknown ends it", 2, 2, "hdhdhdu", "hhhhhGu"},
	} {
		if got := states(t, c.failures, c.successes, c.seen); got != c.want {
			t.Errorf("%s: %s gives\n%s, want\n%s", c.name, c.seen, got, c.want)
		}
	}
}

// However a check alternates, with thresholds both ways there is one transition.
func TestAlternatingIsOneTransition(t *testing.T) {
	for _, thresholds := range [][2]int{{1, 2}, {2, 2}, {3, 2}, {2, 3}} {
		m := machine{failures: thresholds[0], successes: thresholds[1]}
		transitions := 0
		for i := range 1000 {
			if before := m.Status; m.observe(time.Unix(int64(i), 0), []Status{Healthy, Down}[i%2]) && before != Unknown {
				transitions++
			}
		}
		if transitions != 1 || !m.Flapping {
			t.Errorf("thresholds %v: %d transitions, flapping %v", thresholds, transitions, m.Flapping)
		}
	}
}

// Whatever is seen, what the rules promise holds.
func TestMachineKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		m := machine{failures: 1 + r.IntN(4), successes: 1 + r.IntN(4)}
		var seen []Status
		sticky := r.IntN(10)
		for i := range 100 {
			s := Status(r.IntN(4))
			if s == Unknown && r.IntN(5) > 0 || len(seen) > 0 && r.IntN(10) < sticky {
				s = Healthy
				if len(seen) > 0 {
					s = seen[len(seen)-1]
				}
			}
			seen = append(seen, s)
			before := m.State
			changed := m.observe(time.Unix(int64(i), 0), s)
			if changed != (before.Status != m.Status) {
				t.Fatalf("after %v: changed is %v, the status went from %v to %v", seen, changed, before.Status, m.Status)
			}
			if changed != !m.Since.Equal(before.Since) && i > 0 {
				t.Fatalf("after %v: changed is %v, since went from %v to %v", seen, changed, before.Since, m.Since)
			}
			if s == Unknown && m.Status != Unknown {
				t.Fatalf("after %v: %v", seen, m.Status)
			}
			if m.Flapping && m.Status < Degraded {
				t.Fatalf("after %v: flapping and %v", seen, m.Status)
			}
			row := 0 // of runs up to this one that saw nothing but what it saw
			for row < len(seen) && seen[len(seen)-1-row] == s {
				row++
			}
			if row >= m.failures && s > m.Status || row >= m.successes && s < m.Status && !m.Flapping && s != Unknown {
				t.Fatalf("after %v, thresholds %d and %d: still %v", seen, m.failures, m.successes, m.Status)
			}
		}
	}
}

func TestDoubtIsResolvedSooner(t *testing.T) {
	for _, c := range []struct {
		seen string
		want bool
	}{
		{"h", false}, {"hd", true}, {"hdd", false}, {"hddh", true}, {"hdh", false}, {"u", false}, {"hu", false},
		{"hdhdhd", false}, // flapping has no answer to wait for
	} {
		m := machine{failures: 2, successes: 2}
		for i, letter := range c.seen {
			m.observe(time.Unix(int64(i), 0), status(t, letter))
		}
		if got := m.doubtful(); got != c.want {
			t.Errorf("after %s: doubtful is %v", c.seen, got)
		}
	}
}
