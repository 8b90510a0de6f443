package probe

import (
	"encoding/json"
	"strings"

	"github.com/kymohq/kymo/health"
)

// saidStatuses are the words for statuses, as normal returns them.
var saidStatuses = map[string]health.Status{
	"healthy": health.Healthy, "pass": health.Healthy, "passing": health.Healthy, "passed": health.Healthy,
	"ok": health.Healthy, "okay": health.Healthy, "up": health.Healthy, "alive": health.Healthy, "live": health.Healthy,
	"ready": health.Healthy, "running": health.Healthy, "serving": health.Healthy, "available": health.Healthy,
	"online": health.Healthy, "operational": health.Healthy, "success": health.Healthy, "good": health.Healthy,
	"green": health.Healthy, "pong": health.Healthy, "true": health.Healthy,

	"degraded": health.Degraded, "warn": health.Degraded, "warning": health.Degraded, "yellow": health.Degraded,
	"starting": health.Degraded, "stopping": health.Degraded, "maintenance": health.Degraded,

	"down": health.Down, "fail": health.Down, "failed": health.Down, "failing": health.Down, "failure": health.Down,
	"error": health.Down, "unhealthy": health.Down, "out_of_service": health.Down, "critical": health.Down, "ko": health.Down,
	"not_ready": health.Down, "not_serving": health.Down, "unavailable": health.Down, "service_unavailable": health.Down,
	"offline": health.Down, "dead": health.Down, "stopped": health.Down, "crashed": health.Down, "red": health.Down,
	"false": health.Down,

	"unknown": health.Unknown,
}

// statusOf returns the status that a text stands for, if it is a word for one.
func statusOf(text string) (status health.Status, ok bool) {
	if len(text) > 100 {
		return health.Unknown, false
	}
	text = strings.ToLower(strings.Trim(text, " \t\r\n.!"))
	status, ok = saidStatuses[strings.NewReplacer(" ", "_", "-", "_").Replace(text)]
	return status, ok
}

// said is a status: a word, true or false, or a status code of HTTP.
type said struct {
	status  health.Status
	unknown bool   // it says so
	word    string // what is not understood
}

// UnmarshalJSON never fails.
func (s *said) UnmarshalJSON(text []byte) error {
	*s = said{}
	var v any
	_ = json.Unmarshal(text, &v)
	switch v := v.(type) {
	case bool:
		s.status = health.Down
		if v {
			s.status = health.Healthy
		}
	case float64:
		switch {
		case v >= 200 && v <= 299:
			s.status = health.Healthy
		case v >= 400 && v <= 599:
			s.status = health.Down
		}
	case string:
		status, ok := statusOf(v)
		if s.status, s.unknown = status, ok && status == health.Unknown; !ok {
			s.word = strings.ToValidUTF8(v[:min(len(v), 60)], "")
		}
	}
	return nil
}
