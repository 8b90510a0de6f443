package ingest

import (
	"fmt"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/internal/wire"
)

// timeExample is a timestamp as it should be written.
const timeExample = "2026-11-23T10:15:30.123Z"

// fields are PerformanceMetric's, in the order of its declaration.
var fields = []string{"endpoint", "method", "response_time_ms", "status_code", "user_id", "timestamp", "service"}

const (
	fEndpoint = 1 << iota
	fMethod
	fResponseTime
	fStatus
	fUser
	fTimestamp
	fService
	required = fEndpoint | fMethod | fResponseTime | fStatus
)

// object reads one PerformanceMetric. The texts are the body's own bytes or the
// lexer's. If there is a problem, field is the name of the field at fault, or "" if
// it is the object as a whole.
func (l *lexer) object(r *Request) (field, problem string) {
	*r = Request{Start: NoTime}
	l.scratch = l.scratch[:0]
	seen := 0
	if l.next() != '{' {
		return "", l.must("an object")
	}
	l.at++
	for first := true; ; first = false {
		c := l.next()
		if c == '}' && first {
			l.at++
			break
		}
		name, problem := l.str()
		if problem != "" {
			return "", l.unexpectedOr(problem, c == '"', "a field's name in double quotes")
		}
		if l.next() != ':' {
			return "", l.unexpected("a colon after a field's name")
		}
		l.at++
		if field, problem := l.field(name, r, &seen); problem != "" {
			return field, problem
		}
		if c = l.next(); c == '}' {
			l.at++
			break
		} else if c != ',' {
			return "", l.unexpected("a comma or the object's end")
		}
		l.at++
	}
	for i, name := range fields {
		if required&(1<<i) != 0 && seen&(1<<i) == 0 {
			return name, "is missing; it is required"
		}
	}
	return "", ""
}

// unexpectedOr returns problem if the next token is a string, whose problem it is.
func (l *lexer) unexpectedOr(problem string, isString bool, want string) string {
	if isString {
		return problem
	}
	return l.unexpected(want)
}

// field reads the value of the named field and adds it to those that were seen.
func (l *lexer) field(name []byte, r *Request, seen *int) (field, problem string) {
	var bit int
	switch string(name) {
	case "endpoint":
		bit, field = fEndpoint, "endpoint"
		r.Endpoint, problem = l.str()
	case "method":
		bit, field = fMethod, "method"
		r.Method, problem = l.str()
	case "response_time_ms":
		bit, field = fResponseTime, "response_time_ms"
		problem = l.responseTime(r)
	case "status_code":
		bit, field = fStatus, "status_code"
		problem = l.status(r)
	case "user_id":
		bit, field = fUser, "user_id"
		r.User, problem = l.optional("a string or null")
	case "timestamp":
		bit, field = fTimestamp, "timestamp"
		problem = l.timestamp(r)
	case "service":
		bit, field = fService, "service"
		r.Service, problem = l.optional("a string or null")
	default:
		return unknown(string(name))
	}
	if problem == "" && *seen&bit != 0 {
		problem = "appears twice in one object"
	}
	*seen |= bit
	return field, problem
}

func unknown(name string) (field, problem string) {
	field = wire.Clean(name, 64)
	if near := nearest.Likely(name, fields); near != "" {
		return field, fmt.Sprintf("is not a known field; did you mean %q?", near)
	}
	return field, "is not a known field; known are " + strings.Join(fields, ", ")
}

// optional reads a string, or a null as nil. What it wants is for errors.
func (l *lexer) optional(want string) (s []byte, problem string) {
	if l.null() {
		return nil, ""
	}
	if l.next() != '"' {
		return nil, l.must(want)
	}
	return l.str()
}

func (l *lexer) responseTime(r *Request) string {
	token, problem := l.number()
	if problem != "" {
		return problem
	}
	ns, ok := nanoseconds(token, int64(wire.MaxDuration))
	if !ok {
		return wire.DurationProblem
	}
	r.Duration = time.Duration(ns)
	return ""
}

func (l *lexer) status(r *Request) string {
	token, problem := l.number()
	if problem != "" {
		return problem
	}
	var ok bool
	if r.Status, ok = integer(token); !ok {
		return fmt.Sprintf("is %.20s; must be a whole number from %d to %d", token, wire.MinStatus, wire.MaxStatus)
	}
	return wire.StatusProblem(r.Status)
}

func (l *lexer) timestamp(r *Request) string {
	s, problem := l.optional(fmt.Sprintf("a string such as %q, or null", timeExample))
	if problem != "" || s == nil {
		r.Start = NoTime
		return problem
	}
	var t time.Time
	if err := t.UnmarshalText(s); err != nil {
		return fmt.Sprintf("%q is not a time of RFC 3339 with its zone, such as %s", wire.Clean(string(s), 40), timeExample)
	}
	if r.Start = t.UnixMilli(); r.Start < 0 || r.Start > wire.MaxStart {
		return wire.StartProblem
	}
	return ""
}
