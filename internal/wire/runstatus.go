package wire

import (
	"encoding/json"

	"github.com/kymohq/kymo/health"
)

// runStatus is the key in the details of a result under which it has the status that its
// runs found, if all of them found another one than the check's.
const runStatus = "run_status"

// withRunStatus adds the status to details, if there is room for it.
func withRunStatus(details string, found health.Status) string {
	return withDetail(details, runStatus, `"`+found.String()+`"`)
}

// RunStatus returns the status that all runs of the result found, or Unknown if that is
// not known: some found another, or there were none.
func (h *HealthResult) RunStatus() health.Status {
	var d struct {
		Found health.Status `json:"run_status"`
	}
	n := h.Latency.Count()
	switch {
	case n == 0 || h.Flapping:
		return health.Unknown
	case json.Unmarshal([]byte(h.Details), &d) == nil && d.Found != health.Unknown:
		return d.Found
	case h.Failures == 0:
		return health.Healthy
	case h.Failures == n && h.Status != health.Healthy:
		return h.Status
	}
	return health.Unknown
}
