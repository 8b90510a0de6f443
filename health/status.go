package health

import "fmt"

// Status is the condition of what is checked. Of Healthy, Degraded and Down, a greater
// one is worse; Unknown is the zero value.
type Status uint8

// The statuses of a check.
const (
	Unknown  Status = iota // not checked yet, or not for too long
	Healthy                // as it should be
	Degraded               // it works, but not as it should
	Down                   // it does not work
)

var statusNames = [...]string{"unknown", "healthy", "degraded", "down"}

// String returns the status in lower case: "unknown", "healthy", "degraded" or "down".
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// MarshalText writes what String returns.
func (s Status) MarshalText() ([]byte, error) {
	if int(s) >= len(statusNames) {
		return nil, fmt.Errorf("health: no status has the number %d", uint8(s))
	}
	return []byte(statusNames[s]), nil
}

// UnmarshalText reads what String returns.
func (s *Status) UnmarshalText(text []byte) error {
	for i, name := range statusNames {
		if name == string(text) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("health: %q is not a status; must be healthy, degraded, down or unknown", text)
}

// Reported returns the status for the status field of a HealthCheck. It is Degraded for
// Unknown, which is neither known to be healthy nor known to be down.
func (s Status) Reported() Status {
	if s == Unknown {
		return Degraded
	}
	return s
}
