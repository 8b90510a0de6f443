package text

import (
	"time"

	"github.com/kymohq/kymo/health"
)

// Change is a check whose status differs between two answers.
type Change struct {
	At   time.Time
	Name string
	Text string // such as "healthy → down: connection refused"
}

// String returns the change as a line of a log.
func (c Change) String() string {
	return c.At.UTC().Format(time.RFC3339) + "  " + c.Name + "  " + c.Text
}

// Changes returns what differs between two answers, by name, and then the checks
// that are gone. Before may be nil: then every check is a change. A transition has
// the time at which the check made it, anything else the time of now.
func Changes(before, after *health.Answer, now time.Time) []Change {
	if before == nil {
		before = &health.Answer{}
	}
	var all []Change
	for _, name := range ByName(after.Checks) {
		is := after.Checks[name]
		text := State(&is)
		was, known := before.Checks[name]
		if known && State(&was) == text {
			continue
		}
		at := now
		if known {
			text = State(&was) + " → " + text
		}
		if is.Since != nil && was.State != is.State {
			at = *is.Since
		}
		if why := reason(&is); why != "" {
			text += ": " + why
		}
		all = append(all, Change{at, name, text})
	}
	for _, name := range ByName(before.Checks) {
		if _, there := after.Checks[name]; !there {
			was := before.Checks[name]
			all = append(all, Change{now, name, State(&was) + " → not checked any more"})
		}
	}
	return all
}
