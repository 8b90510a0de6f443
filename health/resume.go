package health

import "time"

// Past is what an earlier process knew about a check.
type Past struct {
	State State // after the last run; its status is not Unknown
	Last  Result
	// Recent is what the last runs saw, the newest last, as far as that is known. They
	// count toward the thresholds and for flapping.
	Recent []Status
	// Until is how long the state holds without a run. If the check has the status again
	// by then, it has it without an interruption; otherwise it was Unknown in between.
	Until time.Time
}

// Resume begins the check with what an earlier process knew about it, so that its
// state, and how long it has been in it, go on.
func Resume(p Past) Option { return func(s *Rules) { s.past = &p } }

// Recall corrects the instant since which a check has been in its state, if that is what
// it was given with Resume as far as it was known then.
func (r *Registry) Recall(name string, was, is time.Time) {
	r.mu.Lock()
	c := r.checks[name]
	r.mu.Unlock()
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.state.held; p != nil && p.State.Since.Equal(was) {
		p.State.Since = is
	}
	for level, since := range c.state.failing {
		if !since.IsZero() && since.Equal(was) {
			c.state.failing[level] = is
		}
	}
	if c.state.Status != Unknown && c.state.Since.Equal(was) {
		c.state.Since = is
	}
}
