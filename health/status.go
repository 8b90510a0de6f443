package health

import "fmt"

// Status says how something is. A greater one is worse, but for Unknown, which
// says nothing.
type Status uint8

// The statuses of a check.
const (
	Unknown  Status = iota // nobody has seen it, or not for too long
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
	return fmt.Errorf("health: %q is no status; it is healthy, degraded, down or unknown", text)
}

// Reported is the status in the words of a HealthCheck, which has none for
// Unknown: what nobody has seen well is not healthy, and not known to be down.
func (s Status) Reported() Status {
	if s == Unknown {
		return Degraded
	}
	return s
}
