package probe

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/kymohq/kymo/health"
)

// Bounds of the checks of a service that are shown. The bytes leave room for
// what is around them: details over health.MaxDetails would be dropped whole.
const (
	maxShownChecks = 100
	maxShownBytes  = health.MaxDetails - 256
)

// selfReport is what a service reports of itself. All the forms in use have a
// status and checks, under names of their own:
//
//   - Kymo: status healthy, degraded or down; checks by name.
//   - draft-inadarei-api-health-check-06: status pass, warn or fail, or a synonym
//     that it allows; checks by name, each a list.
//   - Spring Boot's actuator: status UP, DOWN, OUT_OF_SERVICE or UNKNOWN;
//     components by name.
//   - ASP.NET Core with its usual writer: status Healthy, Degraded or Unhealthy;
//     entries by name.
type selfReport struct {
	status health.Status
	output string      // why, in the service's words
	checks []selfCheck // worst first
}

type selfCheck struct {
	name   string
	status health.Status
	reason string
}

// saidStatuses are the words for statuses, in lower case.
var saidStatuses = map[string]health.Status{
	"healthy": health.Healthy, "pass": health.Healthy, "ok": health.Healthy, "up": health.Healthy,
	"degraded": health.Degraded, "warn": health.Degraded, "warning": health.Degraded,
	"down": health.Down, "fail": health.Down, "error": health.Down, "unhealthy": health.Down, "out_of_service": health.Down,
	"unknown": health.Unknown,
}

// saidAs is the status and the reason of anything that has them.
type saidAs struct {
	Status word `json:"status"`
	Output word `json:"output"` // draft-inadarei
	Reason word `json:"reason"` // Kymo
}

// word is a string. A value of another type, under a key that other formats use
// differently, is the empty string.
type word string

// UnmarshalJSON never fails.
func (w *word) UnmarshalJSON(text []byte) error {
	var s string
	_ = json.Unmarshal(text, &s)
	*w = word(s)
	return nil
}

// status returns the status that a text stands for, if it is one.
func (s *saidAs) status() (health.Status, bool) {
	status, ok := saidStatuses[strings.ToLower(string(s.Status))]
	return status, ok
}

// why returns the reason, in the service's own words.
func (s *saidAs) why() string { return string(cmp.Or(s.Reason, s.Output)) }

// parseSelfReport returns a service's report of itself, if the body is one.
func parseSelfReport(body []byte) (*selfReport, bool) {
	var said struct {
		saidAs
		Checks     json.RawMessage `json:"checks"`
		Components json.RawMessage `json:"components"`
		Entries    json.RawMessage `json:"entries"`
	}
	if json.Unmarshal(body, &said) != nil {
		return nil, false
	}
	status, ok := said.status()
	if !ok {
		return nil, false
	}
	r, named := &selfReport{status: status, output: said.why()}, make(map[string]selfCheck)
	for _, some := range []json.RawMessage{said.Checks, said.Components, said.Entries} {
		var checks map[string]json.RawMessage
		_ = json.Unmarshal(some, &checks) // what is no object has no names
		for name, check := range checks {
			if c, ok := parseSelfCheck(name, check); ok {
				// Of those with one name, which are measurements of one thing, the worst counts.
				if other, double := named[c.name]; !double || worstFirst(c, other) < 0 {
					named[c.name] = c
				}
			}
		}
	}
	r.checks = slices.SortedFunc(maps.Values(named), worstFirst)
	return r, true
}

func worstFirst(a, b selfCheck) int {
	return cmp.Or(cmp.Compare(b.status, a.status), cmp.Compare(a.name, b.name), cmp.Compare(a.reason, b.reason))
}

// parseSelfCheck reads one check: an object, a list of them, of which the worst
// counts, or the status alone.
func parseSelfCheck(name string, text json.RawMessage) (c selfCheck, ok bool) {
	var all []saidAs
	var one saidAs
	c.name = name
	if json.Unmarshal(text, &all) != nil {
		if json.Unmarshal(text, &one) != nil {
			_ = one.Status.UnmarshalJSON(text)
		}
		all = []saidAs{one}
	} else if i := strings.LastIndexByte(name, ':'); i > 0 { // draft-inadarei: component:measurement
		c.name = name[:i]
	}
	for _, said := range all {
		if status, known := said.status(); known && (!ok || status > c.status) {
			c.status, c.reason, ok = status, said.why(), true
		}
	}
	return c, ok
}

// details are the checks by name with their status: of too many, the worst.
func (r *selfReport) details() health.Details {
	if len(r.checks) == 0 {
		return nil
	}
	shown, bytes := make(map[string]string), 0
	for _, c := range r.checks {
		name := secrets(nil).show(c.name)
		quoted, _ := json.Marshal(name)
		bytes += len(quoted) + len(`:"unknown",`)
		if len(shown) == maxShownChecks || bytes > maxShownBytes {
			break
		}
		shown[name] = c.status.String()
	}
	d := health.Details{"checks": shown}
	if left := len(r.checks) - len(shown); left > 0 {
		d["checks_not_shown"] = left
	}
	return d
}
