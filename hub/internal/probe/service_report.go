package probe

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
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
//     components by name, in old versions details.
//   - MicroProfile Health: status UP or DOWN; a list of checks with their names.
//   - ASP.NET Core with its usual writer: status Healthy, Degraded or Unhealthy;
//     entries by name.
//   - NestJS's Terminus: status ok or error; error and info by name.
type selfReport struct {
	status health.Status
	output string      // why, in the service's words
	word   string      // its status, if that is not understood
	checks []selfCheck // worst first
	cut    bool        // there are more checks than were read
}

type selfCheck struct {
	name   string
	status health.Status
	reason string
}

// saidAs is the status and the reason of anything that has them.
type saidAs struct {
	Name    word  `json:"name"` // in a list
	Status  said  `json:"status"`
	OK      said  `json:"ok"`
	Healthy said  `json:"healthy"`
	Success said  `json:"success"`
	Output  word  `json:"output"` // draft-inadarei
	Reason  word  `json:"reason"` // Kymo
	Message word  `json:"message"`
	Error   word  `json:"error"`
	Data    cause `json:"data"`    // MicroProfile
	Details cause `json:"details"` // the actuator
}

// cause is an object that may have a reason.
type cause struct{ text word }

// UnmarshalJSON never fails.
func (c *cause) UnmarshalJSON(text []byte) error {
	var in struct {
		Error   word `json:"error"`
		Message word `json:"message"`
		Reason  word `json:"reason"`
	}
	_ = json.Unmarshal(text, &in)
	c.text = cmp.Or(in.Error, in.Message, in.Reason)
	return nil
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

// status returns the status that was said, or the word for it that is not understood. Both
// are zero if none was.
func (s *saidAs) status() (health.Status, string) {
	for _, one := range []said{s.Status, s.OK, s.Healthy, s.Success} {
		if one.status != health.Unknown || one.unknown || one.word != "" {
			return one.status, one.word
		}
	}
	// Some have nothing but a message.
	if status, ok := statusOf(string(s.Message)); ok {
		return status, ""
	}
	return health.Unknown, ""
}

// why returns the reason, in the service's own words.
func (s *saidAs) why() string {
	return string(cmp.Or(s.Reason, s.Output, s.Error, s.Message, s.Data.text, s.Details.text))
}

// parseSelfReport returns a service's report of itself, or what keeps its answer from being
// understood. An answer without a body is neither.
func parseSelfReport(a *answer) (r *selfReport, problem string) {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.body, []byte("\uFEFF")))
	switch {
	case len(body) == 0:
		return nil, ""
	case a.more:
		if r := parseBeginning(body); r != nil {
			return r, ""
		}
		return nil, fmt.Sprintf("the answer is over %d MiB, and has no status in front of its checks", maxReport>>20)
	case !json.Valid(body):
		return parseSaidText(body, a.html)
	case body[0] != '{':
		var one said
		_ = one.UnmarshalJSON(body)
		if one.status == health.Unknown && !one.unknown {
			return nil, "the answer is " + excerpt(body)
		}
		return &selfReport{status: one.status}, ""
	}
	var top struct {
		saidAs
		Checks     json.RawMessage `json:"checks"`
		Components json.RawMessage `json:"components"`
		Entries    json.RawMessage `json:"entries"`
		Info       json.RawMessage `json:"info"`
		Errors     json.RawMessage `json:"error"`
		Parts      json.RawMessage `json:"details"`
	}
	_ = json.Unmarshal(body, &top) // it is an object, and no field fails
	_ = top.Error.UnmarshalJSON(top.Errors)
	_ = top.Details.UnmarshalJSON(top.Parts)
	status, unclear := top.status()
	if status == health.Unknown && unclear == "" && !top.Status.unknown {
		return nil, "the answer is JSON without a status"
	}
	r = &selfReport{status: status, output: top.why(), word: unclear}
	if unclear != "" {
		r.status = health.Degraded
	}
	r.checks = parseSelfChecks(top.Checks, top.Components, top.Entries, top.Info, top.Errors, top.Parts)
	return r, ""
}

// parseBeginning reads the status of a report that is too long to be read whole; it returns
// nil if that does not come before what is long.
func parseBeginning(body []byte) *selfReport {
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil
		}
		if key != "status" {
			continue
		}
		var one said
		switch _ = one.UnmarshalJSON(value); {
		case one.word != "":
			return &selfReport{status: health.Degraded, word: one.word, cut: true}
		case one.status != health.Unknown || one.unknown:
			return &selfReport{status: one.status, cut: true}
		}
	}
	return nil
}

// parseSaidText reads a text that is no JSON.
func parseSaidText(body []byte, html bool) (r *selfReport, problem string) {
	if html || body[0] == '<' {
		return nil, "the answer is a web page"
	}
	if status, ok := statusOf(string(body)); ok {
		return &selfReport{status: status}, ""
	}
	return nil, "the answer is " + excerpt(body)
}

// excerpt quotes the beginning of a body.
func excerpt(body []byte) string {
	const longest = 40
	text := strings.ToValidUTF8(string(body[:min(len(body), longest)]), "")
	if len(body) > longest {
		text += "…"
	}
	return fmt.Sprintf("%q", text)
}

// parseSelfChecks reads checks: objects that have them by name, or lists of them with
// their names.
func parseSelfChecks(groups ...json.RawMessage) []selfCheck {
	named := make(map[string]selfCheck)
	add := func(name string, text json.RawMessage) {
		if c, ok := parseSelfCheck(name, text); ok {
			// Of those with one name, which are measurements of one thing, the worst counts.
			if other, double := named[c.name]; !double || worstFirst(c, other) < 0 {
				named[c.name] = c
			}
		}
	}
	for _, group := range groups {
		var byName map[string]json.RawMessage
		var list []json.RawMessage
		if json.Unmarshal(group, &byName) == nil {
			for name, check := range byName {
				add(name, check)
			}
		} else if json.Unmarshal(group, &list) == nil {
			for _, check := range list {
				var one saidAs
				if json.Unmarshal(check, &one) == nil && one.Name != "" {
					add(string(one.Name), check)
				}
			}
		}
	}
	return slices.SortedFunc(maps.Values(named), worstFirst)
}

func worstFirst(a, b selfCheck) int {
	return cmp.Or(cmp.Compare(b.status, a.status), cmp.Compare(a.name, b.name), cmp.Compare(b.reason, a.reason))
}

// parseSelfCheck reads one check: an object, a list of them, of which the worst
// counts, or the status alone.
func parseSelfCheck(name string, text json.RawMessage) (c selfCheck, ok bool) {
	var all []saidAs
	c.name = name
	if json.Unmarshal(text, &all) != nil {
		var one saidAs
		if json.Unmarshal(text, &one) != nil {
			_ = one.Status.UnmarshalJSON(text)
		}
		all = []saidAs{one}
	} else if i := strings.LastIndexByte(name, ':'); i > 0 { // draft-inadarei: component:measurement
		c.name = name[:i]
	}
	for _, one := range all {
		status, _ := one.status()
		if (status != health.Unknown || one.Status.unknown) && (!ok || status > c.status) {
			c.status, c.reason, ok = status, one.why(), true
		}
	}
	return c, ok
}

// details are the checks by name with their status: of too many, the worst.
func (r *selfReport) details() health.Details {
	if r.cut {
		return health.Details{"checks_not_shown": fmt.Sprintf("the report is over %d MiB", maxReport>>20)}
	}
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
