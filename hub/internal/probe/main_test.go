package probe

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// outcome is what a run of a probe may find.
type outcome struct {
	typ    string
	status health.Status
}

// witness notes what probes found.
type witness struct {
	mu   sync.Mutex
	seen map[outcome][]string // the reasons
}

func (w *witness) note(typ string, err error) {
	o, reason := outcome{typ, health.StatusOf(err)}, ""
	if err != nil {
		reason = err.Error()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.seen[o], reason) {
		w.seen[o] = append(w.seen[o], reason)
	}
}

// watch returns the probe, whose runs are noted from now on.
func (w *witness) watch(typ string, p health.Probe) health.Probe {
	if run := p.Run; run != nil {
		p.Run = func(ctx context.Context) (health.Details, error) {
			details, err := run(ctx)
			w.note(typ, err)
			return details, err
		}
	}
	return p
}

var tests = &witness{seen: make(map[outcome][]string)}

// TestMain runs the tests, and then compares what the probes found in them with the table
// in the documentation that tells what each status of each type means.
func TestMain(m *testing.M) {
	for typ, construct := range constructors {
		constructors[typ] = func(s *Spec) (health.Probe, error) {
			p, err := construct(s)
			return tests.watch(typ, p), err
		}
	}
	code := m.Run()
	some := slices.ContainsFunc([]string{"run", "skip", "list"}, func(name string) bool { return flag.Lookup("test."+name).Value.String() != "" })
	if code == 0 && !some {
		for _, problem := range append(tests.compare("../../../docs/checks.md"), tests.reasons()...) {
			fmt.Fprintln(os.Stderr, "FAIL:", problem)
			code = 1
		}
	}
	os.Exit(code)
}

// compare returns what is wrong with the table: it has a row for each type and status, with
// a reason of which the tests have seen one that contains it.
func (w *witness) compare(file string) (problems []string) {
	content, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	rows := make(map[outcome]string)
	for line := range strings.Lines(string(content)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 4 || !strings.HasPrefix(cells[0], "| `") {
			continue
		}
		var o outcome
		o.typ = strings.Trim(cells[0], "| `")
		if !slices.Contains(config.Types(), o.typ) || o.status.UnmarshalText([]byte(strings.Trim(cells[1], "`"))) != nil {
			continue
		}
		if _, twice := rows[o]; twice {
			problems = append(problems, fmt.Sprintf("docs/checks.md: %s has two rows for %s", o.typ, o.status))
		}
		rows[o] = strings.Trim(cells[3], " |`")
	}
	for _, typ := range config.Types() {
		for status := range health.Down + 1 {
			o := outcome{typ, status}
			reason, ok := rows[o]
			seen := slices.ContainsFunc(w.seen[o], func(s string) bool { return strings.Contains(s, reason) })
			switch {
			case !ok && len(w.seen[o]) > 0:
				problems = append(problems, fmt.Sprintf("docs/checks.md: %s has no row for %s, as with %q", typ, status, w.seen[o]))
			case ok && !seen:
				problems = append(problems, fmt.Sprintf("docs/checks.md: %s is %s with %q in no test, but with %q", typ, status, reason, w.seen[o]))
			}
		}
	}
	return problems
}
