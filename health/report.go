package health

import (
	"encoding/json"
	"time"
)

// Report is the state of all checks.
type Report struct {
	// Status is Healthy if every check is, Down if one that is critical is, and
	// Degraded otherwise.
	Status   Status
	Time     time.Time
	Draining bool          // the service is about to stop
	Checks   []CheckReport // by name
}

// CheckReport is the state of one check.
type CheckReport struct {
	Name        string
	Kind        string // the probe's
	Critical    bool
	ForLiveness bool
	State
	Stuck     bool // a run has not returned, though its timeout has passed
	Passive   bool // the last verdict came from the service's own calls
	Runs      uint64
	Interval  time.Duration   // of the rules
	Timeout   time.Duration   // of the rules
	CheckedAt time.Time       // when the last run ended; zero if there was none
	Latency   time.Duration   // of the last run
	Reason    string          // why the last run was not healthy, "" if it was
	Details   json.RawMessage // of the last run, a JSON object, or nil

	// ExplainedBy is the check that explains why this one is degraded or down: it is down,
	// and this one depends on it, directly or through others that are down. Reason names
	// it, too. It is "" if there is none. A check that has had its status, or a worse one,
	// since before the other can have failed is not explained by it. That is, before the
	// other became down, its interval times its Failures, its timeout and the Delay of its
	// probe.
	ExplainedBy string

	// Maintenance is the maintenance window that the check is in, or "". It does not change
	// the status. Only a hub has windows.
	Maintenance string

	cause cause
}

// Add adds a check and updates the overall status, which is Healthy without any.
func (r *Report) Add(c CheckReport) {
	r.Checks = append(r.Checks, c)
	switch {
	case c.Status == Down && c.Critical:
		r.Status = Down
	case c.Status != Healthy && r.Status == Healthy:
		r.Status = Degraded
	}
}

// Live reports whether no check with Liveness is down. Otherwise a restart may help,
// and failing names those checks.
func (r *Report) Live() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.ForLiveness && c.Status == Down {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0, failing
}

// Ready reports whether the service can work: it is not about to stop, and each
// critical check was run and is not down. Otherwise failing names the checks that were
// not run or are down.
func (r *Report) Ready() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.Critical && (c.Status == Down || c.Runs == 0) {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0 && !r.Draining, failing
}

// Started reports whether each check was run once, whatever the result: a dependency
// that is down while a service starts is no reason to restart the service over and
// over. Otherwise failing names the checks that were not run.
func (r *Report) Started() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.Runs == 0 {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0, failing
}
