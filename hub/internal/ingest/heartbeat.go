package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// Heartbeat is what a process of a service says of itself: that it is there, and how its
// checks are.
type Heartbeat struct {
	Service, Instance, Version string
	Checks                     []CheckStatus
	Leaving                    bool // it stops on purpose
}

// CheckStatus is what the last run of a check found.
type CheckStatus struct {
	Name     string
	Status   health.Status
	Critical bool // the service is down when the check is
	Latency  time.Duration
	Timed    bool // whether Latency is known
	Reason   string
	Details  string // a JSON object; "" for none
}

// Status returns the status of the service as a whole.
func (h *Heartbeat) Status() health.Status {
	status := health.Healthy
	for i := range h.Checks {
		switch c := &h.Checks[i]; {
		case c.Status == health.Down && c.Critical:
			return health.Down
		case c.Status != health.Healthy:
			status = health.Degraded
		}
	}
	return status
}

// heartbeatBody is a heartbeat in JSON.
type heartbeatBody struct {
	Service, Instance, Version, Checks json.RawMessage
	Leaving                            bool `json:"leaving"`
}

type checkBody struct {
	Service, Status, Reason, Details json.RawMessage
	Time                             json.RawMessage `json:"response_time_ms"`
	Critical                         bool            `json:"critical"`
}

// lexerOf returns a lexer of one value. A number ends where something else follows.
func lexerOf(value json.RawMessage) lexer { return lexer{data: append(slices.Clip(value), ' ')} }

// label returns a text, or a number as it is written, of a field; "" if there is none.
func label(field string, value json.RawMessage) (string, error) {
	if len(value) == 0 {
		return "", nil
	}
	l := lexerOf(value)
	s, problem := l.label()
	if problem != "" {
		return "", &wire.FieldError{Index: -1, Field: field, Problem: problem}
	}
	return string(s), nil
}

// ReadHeartbeat reads a heartbeat: an object with service, instance, version, leaving and
// checks, which are an array, or an object by name, of a HealthCheck each. Fields that are not
// known are ignored. An error is a *wire.FieldError.
func ReadHeartbeat(body []byte) (*Heartbeat, error) {
	var given heartbeatBody
	if err := decodeFields(body, &given); err != nil {
		return nil, fieldError("", err)
	}
	h := &Heartbeat{Leaving: given.Leaving}
	for _, f := range []struct {
		name  string
		value json.RawMessage
		to    *string
		limit int
	}{{"service", given.Service, &h.Service, wire.MaxService}, {"instance", given.Instance, &h.Instance, maxName}, {"version", given.Version, &h.Version, wire.MaxVersion}} {
		var err error
		if *f.to, err = label(f.name, f.value); err != nil {
			return nil, err
		}
		if problem := wire.TextProblem(*f.to, f.limit); problem != "" {
			return nil, &wire.FieldError{Index: -1, Field: f.name, Problem: problem}
		}
	}
	if h.Service == "" {
		return nil, &wire.FieldError{Index: -1, Field: "service", Problem: "is missing; it is required"}
	}
	if h.Instance == "" {
		h.Instance = h.Service
	}
	return h, h.readChecks(given.Checks)
}

// maxName leaves room behind an instance's name for what tells its runs apart.
const maxName = wire.MaxInstance - 16

// decodeFields is json.Unmarshal of an object with errors that are those of a field.
func decodeFields(body []byte, into any) error {
	if b := bytes.TrimSpace(body); len(b) > 0 && b[0] != '{' {
		return errors.New("must be an object")
	}
	return json.Unmarshal(body, into)
}

// fieldError describes an error of encoding/json. The field is the place of what was read.
func fieldError(field string, err error) error {
	problem := err.Error()
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field = strings.Trim(field+"."+e.Field, ".")
		problem = fmt.Sprintf("must be a %s, not a %s", strings.Replace(e.Type.Kind().String(), "bool", "boolean", 1), e.Value)
	}
	return &wire.FieldError{Index: -1, Field: field, Problem: problem}
}

func (h *Heartbeat) readChecks(given json.RawMessage) error {
	var list []json.RawMessage
	var names []string
	switch given = bytes.TrimSpace(given); {
	case len(given) == 0 || string(given) == "null":
		return nil
	case given[0] == '[':
		if err := json.Unmarshal(given, &list); err != nil {
			return fieldError("checks", err)
		}
	case given[0] == '{':
		var byName map[string]json.RawMessage
		if err := json.Unmarshal(given, &byName); err != nil {
			return fieldError("checks", err)
		}
		names = slices.Sorted(maps.Keys(byName))
		for _, name := range names {
			list = append(list, byName[name])
		}
	default:
		return &wire.FieldError{Index: -1, Field: "checks", Problem: "must be an array of checks, or an object of them by name"}
	}
	if len(list) >= wire.MaxHealth {
		return &wire.FieldError{Index: -1, Field: "checks", Problem: fmt.Sprintf("has %d checks; at most %d are allowed", len(list), wire.MaxHealth-1)}
	}
	seen := make(map[string]bool)
	for i, one := range list {
		name, place := "", fmt.Sprintf("checks[%d]", i)
		if names != nil {
			name = names[i]
			place = "checks." + wire.Clean(name, maxFieldName)
		}
		c, err := h.readCheck(one, name, place)
		if err == nil && seen[c.Name] {
			err = &wire.FieldError{Index: -1, Field: place + ".service", Problem: fmt.Sprintf("%q appears twice", c.Name)}
		}
		if err != nil {
			return err
		}
		seen[c.Name] = true
		h.Checks = append(h.Checks, *c)
	}
	return nil
}

// readCheck reads a check, which stands at a place, and whose name is given or its service.
func (h *Heartbeat) readCheck(given json.RawMessage, name, place string) (*CheckStatus, error) {
	var body checkBody
	if err := decodeFields(given, &body); err != nil {
		return nil, fieldError(place, err)
	}
	wrong := func(field, problem string) error {
		return &wire.FieldError{Index: -1, Field: place + "." + field, Problem: problem}
	}
	c := &CheckStatus{Name: name, Critical: body.Critical}
	var status string
	for _, f := range []struct {
		name  string
		value json.RawMessage
		to    *string
	}{{"service", body.Service, &c.Name}, {"status", body.Status, &status}, {"reason", body.Reason, &c.Reason}} {
		value, err := label(place+"."+f.name, f.value)
		if err != nil {
			return nil, err
		}
		if *f.to == "" {
			*f.to = value
		}
	}
	c.Reason = wire.Clean(c.Reason, wire.MaxReason)
	if c.Name == "" {
		return nil, wrong("service", "is missing; it is required: the name of what is checked")
	}
	if problem := wire.TextProblem(c.Name, wire.MaxCheck); problem != "" {
		return nil, wrong("service", problem)
	}
	if n := len(h.Service) + 1 + len(c.Name); n > wire.MaxCheck {
		return nil, wrong("service", fmt.Sprintf("makes a name of %d bytes with the service; at most %d", n, wire.MaxCheck))
	}
	if err := c.Status.UnmarshalText([]byte(strings.ToLower(status))); err != nil || c.Status == health.Unknown {
		return nil, wrong("status", fmt.Sprintf("is %q; must be healthy, degraded or down", wire.Clean(status, 40)))
	}
	if c.Timed = len(body.Time) > 0 && string(body.Time) != "null"; c.Timed {
		var problem string
		l := lexerOf(body.Time)
		if c.Latency, problem = l.duration(); problem != "" {
			return nil, wrong("response_time_ms", problem)
		}
	}
	switch details := bytes.TrimSpace(body.Details); {
	case len(details) == 0 || string(details) == "null":
	case details[0] != '{':
		return nil, wrong("details", "must be an object or null")
	default:
		var compact bytes.Buffer
		if err := json.Compact(&compact, details); err != nil {
			return nil, wrong("details", err.Error())
		}
		if c.Details = string(printable.JSON(compact.Bytes())); len(c.Details) > wire.MaxDetails {
			c.Details = `{"error":"the details are too long"}`
		}
	}
	return c, nil
}
