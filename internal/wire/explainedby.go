package wire

import (
	"encoding/json"
	"strings"
)

// explainedBy is the key in the details of a result under which it has the check that
// explains its status: see health.CheckReport.
const explainedBy = "explained_by"

// WithExplainedBy adds the name of the check to details, if there is room for it.
func WithExplainedBy(details, by string) string {
	if by == "" {
		return details
	}
	name, _ := json.Marshal(by) // a string always has a form
	return withDetail(details, explainedBy, string(name))
}

// withDetail adds a value to details, if there is room for it.
func withDetail(details, key, value string) string {
	added := `"` + key + `":` + value + "}"
	switch {
	case details == "" || details == "{}":
		return "{" + added
	case len(details)+len(added) > MaxDetails:
		return details
	}
	return details[:len(details)-1] + "," + added
}

// ExplainedBy returns the check that explains the status of the result, or "".
func (h *HealthResult) ExplainedBy() string {
	if !strings.Contains(h.Details, `"`+explainedBy+`"`) {
		return ""
	}
	var d struct {
		By string `json:"explained_by"`
	}
	_ = json.Unmarshal([]byte(h.Details), &d) // details of another form explain nothing
	return d.By
}
