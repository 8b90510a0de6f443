package fleet

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/kymohq/kymo/health"
)

// maxShownBytes bounds the checks that are shown. It leaves room for what is
// around them: details larger than health.MaxDetails would be dropped
// entirely.
const maxShownBytes = health.MaxDetails - 256

// shownCheck is a check in the details.
type shownCheck struct {
	Status         string `json:"status"`
	Reason         string `json:"reason,omitempty"`
	ResponseTimeMS int64  `json:"response_time_ms"`
}

// lastHeartbeat are the details of a service of which no instance sends heartbeats.
func (t *tally) lastHeartbeat() health.Details {
	if t.last.IsZero() || t.stopped {
		return nil
	}
	return health.Details{"last_heartbeat": t.last.UTC().Format(time.RFC3339)}
}

// details are the numbers of instances, and the checks by name with the worst
// status that an instance has of each: of too many checks, the worst.
func (t *tally) details() health.Details {
	d := health.Details{"instances": t.instances}
	if t.silent > 0 {
		d["silent"] = t.silent
	}
	if t.silent == t.instances {
		maps.Copy(d, t.lastHeartbeat())
	}
	shown, bytes := make(map[string]shownCheck), 0
	for i := range t.checks {
		c := &t.checks[i]
		s := shownCheck{c.status.String(), c.reason, c.latency.Milliseconds()}
		text, _ := json.Marshal(map[string]shownCheck{c.name: s}) // texts and a number
		bytes += len(text)                                        // with a brace for the comma, and one to spare
		if len(shown) == maxChecks || bytes > maxShownBytes {
			break
		}
		shown[c.name] = s
	}
	if len(shown) > 0 {
		d["checks"] = shown
	}
	if more := len(t.checks) - len(shown) + t.unkept; more > 0 {
		d["more"] = more
	}
	return d
}
