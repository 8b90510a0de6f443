package health

import (
	"encoding/json"
	"time"
)

// Report is how all checks stand.
type Report struct {
	// Status is Healthy if every check is, Down if one that is critical is, and
	// Degraded otherwise.
	Status   Status
	Time     time.Time
	Draining bool          // the service is about to stop
	Checks   []CheckReport // by name
}

// CheckReport is how one check stands.
type CheckReport struct {
	Name        string
	Kind        string // the probe's
	Critical    bool
	ForLiveness bool
	State
	Stuck     bool // a run has not returned, though its time was up
	Passive   bool // the last verdict came from the service's own calls
	Runs      uint64
	CheckedAt time.Time       // when the last run ended; zero if there was none
	Latency   time.Duration   // of the last run
	Reason    string          // why the last run was not healthy, "" if it was
	Details   json.RawMessage // what the last run saw, a JSON object, or nil
}

// add adds a check and lets the whole follow from it.
func (r *Report) add(c CheckReport) {
	r.Checks = append(r.Checks, c)
	switch {
	case c.Status == Down && c.Critical:
		r.Status = Down
	case c.Status != Healthy && r.Status == Healthy:
		r.Status = Degraded
	}
}

// Live says whether a restart could mend nothing, and if not, the names of the
// checks for liveness that are down.
func (r *Report) Live() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.ForLiveness && c.Status == Down {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0, failing
}

// Ready says whether the service can work: it is not about to stop, and each
// critical check was run and is not down. If it cannot, failing names those.
func (r *Report) Ready() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.Critical && (c.Status == Down || c.Runs == 0) {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0 && !r.Draining, failing
}

// Started says whether each check was run once, whatever it saw: a dependency
// that is down while a service starts is no reason to start it again and again.
// If not, failing names those that were not.
func (r *Report) Started() (ok bool, failing []string) {
	for _, c := range r.Checks {
		if c.Runs == 0 {
			failing = append(failing, c.Name)
		}
	}
	return len(failing) == 0, failing
}
