package health

import "time"

// DependsOn names the checks of the same registry without which what is checked cannot
// work. While one of them is down, and was so by the time that it could be noticed, it
// explains that the check is not healthy: see CheckReport.ExplainedBy. A name that no
// check has explains nothing.
func DependsOn(names ...string) Option { return func(s *Rules) { s.DependsOn = names } }

// cause is what is asked of a check to tell whether it explains another.
type cause struct {
	status  Status
	since   time.Time     // since when the status is that, or worse
	notice  time.Duration // how long after a failure the status is Down at the latest
	parents []string      // the checks that it depends on
}

// cause returns what is asked of a check, which is locked.
func (c *check) cause() cause {
	s := &c.settings
	notice := time.Duration(s.Failures)*s.Interval + s.Timeout + c.probe.Delay
	since := c.state.failingSince()
	if since.Sub(c.begun) < s.StartPeriod+notice {
		notice += s.StartPeriod // failures in it did not count
	}
	return cause{c.state.Status, since, notice, s.DependsOn}
}

// explains reports whether a check that is down explains the status of one that depends
// on it: the other had no such status yet when this one can have failed at the earliest.
func (c *cause) explains(child *cause) bool {
	return c.status == Down && !c.since.Add(-c.notice).After(child.since)
}

// explain returns the name of the check that explains the status of another, and since
// when that is down, or "". If that is itself explained, the cause behind it is returned.
// Of several, it is the one that has been down for the longest.
func explain(name string, c cause, find func(name string) (cause, bool)) (by string, since time.Time) {
	if c.status != Degraded && c.status != Down {
		return "", time.Time{}
	}
	for seen := map[string]bool{name: true}; ; {
		var parent cause
		found := ""
		for _, other := range c.parents {
			p, ok := find(other)
			if ok && !seen[other] && p.explains(&c) && (found == "" || p.since.Before(parent.since)) {
				found, parent = other, p
			}
		}
		if found == "" {
			return by, since
		}
		seen[found] = true
		by, since, c = found, parent.since, parent
	}
}

// explain fills in which checks explain others.
func (r *Report) explain() {
	index := make(map[string]int, len(r.Checks))
	for i := range r.Checks {
		index[r.Checks[i].Name] = i
	}
	find := func(name string) (cause, bool) {
		i, ok := index[name]
		if !ok {
			return cause{}, false
		}
		return r.Checks[i].cause, true
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		if len(c.cause.parents) == 0 {
			continue
		}
		var since time.Time
		if c.ExplainedBy, since = explain(c.Name, c.cause, find); c.ExplainedBy != "" {
			c.Reason = explained(c.Reason, c.ExplainedBy, since.UTC(), r.Time.UTC())
		}
	}
}

// explained adds to the reason of a check what explains it.
func explained(reason, by string, since, now time.Time) string {
	layout := "15:04 UTC"
	if since.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = "2006-01-02 15:04 UTC"
	}
	if reason != "" {
		reason += "; "
	}
	return reason + "explained by " + by + ", which has been down since " + since.Format(layout)
}

// explain returns the name of the check that explains the state of another, or "".
func (r *Registry) explain(name string, c cause) string {
	if len(c.parents) == 0 {
		return ""
	}
	by, _ := explain(name, c, func(other string) (cause, bool) {
		r.mu.Lock()
		parent := r.checks[other]
		r.mu.Unlock()
		if parent == nil {
			return cause{}, false
		}
		parent.mu.Lock()
		defer parent.mu.Unlock()
		return parent.cause(), true
	})
	return by
}
