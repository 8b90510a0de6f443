package health

import (
	"encoding/json"
	"time"
)

// Answer is the plain form of a report, as JSON: the answer to GET /health.
type Answer struct {
	Status    Status                 `json:"status"` // healthy, degraded or down
	Timestamp time.Time              `json:"timestamp"`
	Checks    map[string]HealthCheck `json:"checks"`
}

// HealthCheck is the plain form of one check.
type HealthCheck struct {
	Service        string          `json:"service"`          // the check's name
	Status         Status          `json:"status"`           // healthy, degraded or down: see Status.Reported
	ResponseTimeMS int64           `json:"response_time_ms"` // of the last run
	Details        json.RawMessage `json:"details"`          // of the last run; {} for callers that may not see them

	State     Status     `json:"state"` // the status, or unknown
	Since     *time.Time `json:"since,omitempty"`
	CheckedAt *time.Time `json:"checked_at,omitempty"`
	Critical  bool       `json:"critical,omitempty"`
	Flapping  bool       `json:"flapping,omitempty"`
	Stuck     bool       `json:"stuck,omitempty"`
	Passive   bool       `json:"passive,omitempty"`
	Reason    string     `json:"reason,omitempty"` // only for callers that may see details

	ExplainedBy string `json:"explained_by,omitempty"` // the check whose failure explains the status
	Maintenance string `json:"maintenance,omitempty"`  // the maintenance window in force
}

// Plain returns the plain form of a report, with or without reasons and details.
func Plain(r *Report, details bool) Answer {
	a := Answer{Status: r.Status, Timestamp: r.Time.UTC(), Checks: make(map[string]HealthCheck, len(r.Checks))}
	for i := range r.Checks {
		a.Checks[r.Checks[i].Name] = plain(&r.Checks[i], details)
	}
	return a
}

func plain(c *CheckReport, details bool) HealthCheck {
	check := HealthCheck{
		Service: c.Name, Status: c.Status.Reported(), ResponseTimeMS: c.Latency.Milliseconds(),
		Details: json.RawMessage("{}"), State: c.Status,
		Since: instant(c.Since), CheckedAt: instant(c.CheckedAt),
		Critical: c.Critical, Flapping: c.Flapping, Stuck: c.Stuck, Passive: c.Passive,
		ExplainedBy: c.ExplainedBy, Maintenance: c.Maintenance,
	}
	if details {
		check.Reason = c.Reason
		if c.Details != nil {
			check.Details = c.Details
		}
	}
	return check
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
