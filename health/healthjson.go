package health

import (
	"encoding/json"
	"time"
)

// HealthJSON is the media type of draft-inadarei-api-health-check-06, which
// fixes the names here: https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06
const HealthJSON = "application/health+json"

type draftAnswer struct {
	Status      string                  `json:"status"` // pass, warn or fail
	Version     string                  `json:"version,omitempty"`
	ReleaseID   string                  `json:"releaseId,omitempty"`
	Notes       []string                `json:"notes,omitempty"`
	Output      string                  `json:"output,omitempty"` // not for pass
	Checks      map[string][]draftCheck `json:"checks,omitempty"`
	Links       map[string]string       `json:"links,omitempty"`
	ServiceID   string                  `json:"serviceId,omitempty"`
	Description string                  `json:"description,omitempty"`
}

// draftCheck is one observation of a component. Its affectedEndpoints are left
// out: nothing here knows them.
type draftCheck struct {
	ComponentID   string          `json:"componentId,omitempty"`
	ComponentType string          `json:"componentType,omitempty"`
	ObservedValue any             `json:"observedValue,omitempty"`
	ObservedUnit  string          `json:"observedUnit,omitempty"`
	Status        string          `json:"status"`
	Time          string          `json:"time,omitempty"`   // ISO 8601
	Output        string          `json:"output,omitempty"` // not for pass
	Details       json.RawMessage `json:"details,omitempty"`
}

// draftStatus is a status in the draft's words.
func draftStatus(s Status) string {
	switch s {
	case Healthy:
		return "pass"
	case Down:
		return "fail"
	}
	return "warn"
}

// componentType is a probe's kind in the draft's words: component, datastore or system.
func componentType(kind string) string {
	switch kind {
	case "sql", "postgres", "mysql", "redis", "clickhouse":
		return "datastore"
	case "disk", "memory", "goroutines", "self":
		return "system"
	}
	return "component"
}

// healthJSON returns a report in the draft's form: for each check the response
// time of its last run, under the key "name:responseTime".
func healthJSON(r *Report, info *Info, details bool) draftAnswer {
	a := draftAnswer{
		Status: draftStatus(r.Status), Version: info.Version, ReleaseID: info.ReleaseID,
		Notes: info.Notes, Links: info.Links, ServiceID: info.ServiceID, Description: info.Description,
	}
	if len(r.Checks) > 0 {
		a.Checks = make(map[string][]draftCheck, len(r.Checks))
	}
	for i := range r.Checks {
		c := &r.Checks[i]
		d := draftCheck{ComponentID: c.Name, ComponentType: componentType(c.Kind), Status: draftStatus(c.Status)}
		if c.Runs > 0 {
			d.Time = c.CheckedAt.UTC().Format(time.RFC3339Nano)
			d.ObservedValue, d.ObservedUnit = float64(c.Latency.Microseconds())/1e3, "ms"
		}
		if details {
			d.Details = c.Details
			if c.Status != Healthy {
				d.Output = c.Reason
			}
		}
		a.Checks[c.Name+":responseTime"] = []draftCheck{d}
		if c.Status == Down && c.Critical && details && a.Output == "" {
			a.Output = c.Name + ": " + c.Reason
		}
	}
	return a
}
