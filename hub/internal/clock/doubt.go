package clock

import (
	"time"

	"github.com/kymohq/kymo/internal/duration"
)

// Doubt returns why the clock is not trusted, or "". Until it is, nothing is deleted by
// age that would not be by the reckoned time.
func (c *Clock) Doubt() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ahead := c.aheadOfServer(c.wall().Round(0), c.elapsed()); ahead.Abs() > slack {
		return "this machine's clock is " + apart(ahead.Round(time.Second), "the database server's")
	}
	if c.step == nil || c.at-c.step.at >= quarantine {
		return ""
	}
	by := c.step.zero.Add(c.at).Sub(c.reckoned)
	switch {
	case !c.step.started && by > 0:
		return "the clock went ahead by " + duration.Text(by)
	case !c.step.started:
		return "the clock went back by " + duration.Text(-by)
	case by.Abs() > away:
		return "the clock is " + apart(by, "the time at which the hub was last running")
	}
	return ""
}

func apart(by time.Duration, other string) string {
	if by < 0 {
		return duration.Text(-by) + " behind " + other
	}
	return duration.Text(by) + " ahead of " + other
}
