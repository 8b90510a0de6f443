package health

import (
	"math/rand/v2"
	"slices"
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
		m.observe(time.Unix(int64(i), 0), status(t, letter), false)
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
		{"the first status needs its runs", 3, 2, "hhh", "uhh"},
		{"the first status needs its runs, down", 3, 2, "dddd", "uudd"},
		{"the first status needs its runs, degraded", 3, 2, "gg", "ug"},
		{"degraded at least", 2, 4, "gdd", "ugd"},
		{"degraded at most", 4, 2, "hgg", "ugg"},
		{"failures at the start that are too few", 4, 2, "dddhh", "uuuuh"},
		{"failures at the start that are too few, with one success enough", 4, 1, "dddh", "uuuh"},
		{"none is down because of successes", 4, 2, "dhdh", "uuuu"},
		{"one failure is no outage", 2, 2, "hhdhh", "uhhhh"},
		{"two are", 2, 2, "hhdd", "uhhd"},
		{"one success is no recovery", 2, 2, "ddhdd", "udddd"},
		{"two are", 2, 2, "ddhh", "uddh"},
		{"without thresholds each run decides", 1, 1, "hdhg", "hdhg"},
		{"worse and worse counts for the milder", 2, 2, "hhgd", "uhhg"},
		{"and then for the worse", 2, 2, "hhgdd", "uhhgd"},
		{"down after failures that were degraded needs its own", 3, 2, "hhggdddd", "uhhhggdd"},
		{"better and better counts for the worse", 2, 2, "ddgh", "uddg"},
		{"and then for the better", 2, 2, "ddghh", "uddgh"},
		{"degraded from down", 2, 2, "ddgg", "uddg"},
		{"a healthy run ends a row of failures", 3, 1, "hddhdd", "hhhhhh"},
		{"unknown at once, and then the status again", 3, 1, "huh", "huh"},
		{"unknown at once, and then the status again, whatever is seen", 3, 1, "hudh", "huhh"},
		{"unknown ends no row", 2, 2, "hhdud", "uhhud"},
		{"unknown at the start", 2, 2, "uuhuh", "uuuuh"},
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
		{"alternating is degraded, once", 2, 2, "hhdhdhdhdhdhd", "uhhhhhGGGGGGG"},
		{"alternating from the start", 2, 2, "hdhdhdhd", "uuuuuGGG"},
		{"alternating between healthy and degraded", 2, 2, "hhghghghg", "uhhhhhGGG"},
		{"alternating without thresholds is degraded, not down", 1, 1, "hhdhdhdhh", "hhdhdhGGG"},
		{"it gets worse while flapping", 2, 2, "hhdhdhddddd", "uhhhhhGGGDD"},
		{"it gets worse while flapping, by the threshold", 6, 2, "hhdhdhdddddddd", "uhhhhhGGGGGDDD"},
		{"it ends once all is calm", 2, 2, "hhdhdhd" + strings.Repeat("h", 10), "uhhhhhG" + strings.Repeat("G", 8) + "hh"},
		{"it ends once all is calm, down", 2, 2, "hhdhdhd" + strings.Repeat("d", 9), "uhhhhhG" + "GGDDDDD" + "dd"},
		{"it ends before a high threshold is reached", 2, 12, "hhdhdhd" + strings.Repeat("h", 14), "uuuuuuG" + strings.Repeat("G", 8) + "gggh" + "hh"},
		{"unknown hides it", 2, 2, "hhdhdhduh", "uhhhhhGuG"},
	} {
		if got := states(t, c.failures, c.successes, c.seen); got != c.want {
			t.Errorf("%s: %s gives\n%s, want\n%s", c.name, c.seen, got, c.want)
		}
	}
}

// However a check alternates, there are few transitions: of those without a threshold on
// the way down, one more.
func TestAlternatingIsOneTransition(t *testing.T) {
	for _, thresholds := range [][2]int{{1, 2}, {2, 2}, {3, 2}, {2, 3}} {
		m := machine{failures: thresholds[0], successes: thresholds[1]}
		transitions, most := 0, 1
		if thresholds[0] == 1 {
			most = 2
		}
		for i := range 1000 {
			if before := m.Status; m.observe(time.Unix(int64(i), 0), []Status{Healthy, Down}[i%2], false) && before != Unknown {
				transitions++
			}
		}
		if transitions > most || !m.Flapping {
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
			changed := m.observe(time.Unix(int64(i), 0), s, false)
			if changed != (before.Status != m.Status) {
				t.Fatalf("after %v: changed is %v, the status went from %v to %v", seen, changed, before.Status, m.Status)
			}
			if changed != !m.Since.Equal(before.Since) && i > 0 {
				t.Fatalf("after %v: changed is %v, since went from %v to %v", seen, changed, before.Since, m.Since)
			}
			if s == Unknown && m.Status != Unknown {
				t.Fatalf("after %v: %v", seen, m.Status)
			}
			row := 0 // of runs up to this one that saw nothing but what it saw, if anything
			for _, before := range slices.Backward(seen) {
				if before == s {
					row++
				} else if before != Unknown {
					break
				}
			}
			switch {
			case s == Unknown:
			case m.Flapping && (m.Status != Degraded && (m.Status != Down || row < flapDown || row < m.failures) || row > flapCalm):
				t.Fatalf("after %v: flapping and %v", seen, m.Status)
			case !m.Flapping && (row >= m.failures && s > max(m.Status, Healthy) || row >= m.successes && s < m.Status):
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
		{"h", true}, {"hh", false}, {"hhd", true}, {"hhdd", false}, {"hhddh", true}, {"hhdh", false}, {"u", false}, {"hhu", false},
		{"hhdhdhd", false}, // flapping has no answer to wait for
	} {
		m := machine{failures: 2, successes: 2}
		for i, letter := range c.seen {
			m.observe(time.Unix(int64(i), 0), status(t, letter), false)
		}
		if got := m.doubtful(); got != c.want {
			t.Errorf("after %s: doubtful is %v", c.seen, got)
		}
	}
}

// What is starting may fail, but once it worked, what fails counts.
func TestStarting(t *testing.T) {
	m := machine{failures: 2, successes: 1}
	var got strings.Builder
	for i, letter := range "dddudhdd" {
		m.observe(time.Unix(int64(i), 0), status(t, letter), true)
		got.WriteByte(letters[m.Status])
	}
	if got, want := got.String(), "uuuuuhhd"; got != want {
		t.Errorf("it gives %s, want %s", got, want)
	}
	m = machine{failures: 2, successes: 1}
	for i := range 3 {
		m.observe(time.Unix(int64(i), 0), Down, i == 0)
		if want := []Status{Unknown, Unknown, Down}[i]; m.Status != want {
			t.Errorf("run %d, after the start: %v, want %v", i, m.Status, want)
		}
	}
}
