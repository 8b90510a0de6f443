package ingest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/nearest"
	"github.com/kymohq/kymo/internal/wire"
)

// fields are those of PerformanceMetric that are read, in the order of its declaration.
var fields = [...]string{
	"endpoint", "method", "response_time_ms", "status_code", "user_id", "timestamp", "service",
	"route", "first_byte_ms", "lifetime_ms", "response_bytes", "error", "created_at", "metric_id", "instance", "version", "trace_id",
}

// The places of fields.
const (
	fEndpoint = iota
	fMethod
	fResponseTime
	fStatus
	fUser
	fTimestamp
	fService
	fRoute
	fFirstByte
	fLifetime
	fSize
	fError
	fCreated
	fMetricID
	fInstance
	fVersion
	fTrace
	fUnknown
)

const required = 1<<fEndpoint | 1<<fMethod | 1<<fResponseTime | 1<<fStatus

// fieldOf returns the place of a field. It is a switch because Go compiles one to a search
// that does not copy the name.
func fieldOf(name []byte) int {
	switch string(name) {
	case "endpoint":
		return fEndpoint
	case "method":
		return fMethod
	case "response_time_ms":
		return fResponseTime
	case "status_code":
		return fStatus
	case "user_id":
		return fUser
	case "timestamp":
		return fTimestamp
	case "service":
		return fService
	case "route":
		return fRoute
	case "first_byte_ms":
		return fFirstByte
	case "lifetime_ms":
		return fLifetime
	case "response_bytes":
		return fSize
	case "error":
		return fError
	case "created_at":
		return fCreated
	case "metric_id":
		return fMetricID
	case "instance":
		return fInstance
	case "version":
		return fVersion
	case "trace_id":
		return fTrace
	}
	return fUnknown
}

// object reads one PerformanceMetric. The texts are the body's own bytes or the
// lexer's. If there is a problem, field is the name of the field at fault, or "" if
// it is the object as a whole.
func (l *lexer) object(r *Request) (field, problem string) {
	*r = Request{Start: NoTime}
	l.scratch = l.scratch[:0]
	var m metric
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
		name, problem := l.name()
		if problem != "" {
			return "", problem
		}
		if field, problem := l.field(name, r, &m); problem != "" {
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
	return l.finish(r, &m)
}

// metric is what was read of an object besides its request.
type metric struct {
	seen    int      // its fields, as bits
	created int64    // as Request.Start
	unknown []string // the first of its unknown fields
}

// finish completes the request, once all of the object was read.
func (l *lexer) finish(r *Request, m *metric) (field, problem string) {
	if len(r.Route) > 0 {
		m.seen |= 1 << fEndpoint
	}
	for i, name := range fields {
		if required&(1<<i) == 0 || m.seen&(1<<i) != 0 {
			continue
		}
		if near := nearest.Likely(name, m.unknown); near != "" {
			return name, fmt.Sprintf("is missing; it is required; %q is not a known field", near)
		}
		return name, "is missing; it is required"
	}
	if r.Start == NoTime && m.seen&(1<<fCreated) != 0 {
		r.Start = m.created
	}
	return "", ""
}

// field reads the value of the named field.
func (l *lexer) field(name []byte, r *Request, m *metric) (field, problem string) {
	i := fieldOf(name)
	if i == fUnknown {
		field = wire.Clean(string(name), maxFieldName)
		if l.strict {
			return field, unknownField(field)
		}
		l.note(field)
		if len(m.unknown) < maxUnknown {
			m.unknown = append(m.unknown, field)
		}
		return field, l.skip()
	}
	field = fields[i]
	if m.seen&(1<<i) != 0 {
		return field, "appears twice in one object"
	}
	m.seen |= 1 << i
	switch i {
	case fEndpoint:
		r.Endpoint, problem = l.str()
	case fRoute:
		r.Route, problem = l.optional("a string or null")
	case fMethod:
		r.Method, problem = l.str()
	case fResponseTime:
		r.Duration, problem = l.duration()
	case fStatus:
		problem = l.status(r)
	case fUser:
		r.User, problem = l.label()
	case fTimestamp:
		r.Start, problem = l.timestamp()
	case fCreated:
		m.created, problem = l.timestamp()
	case fService:
		r.Service, problem = l.optional("a string or null")
	case fError:
		r.Error, problem = l.optional("a string or null")
	case fFirstByte:
		r.FirstByte, problem = l.optionalDuration()
	case fLifetime:
		r.Lifetime, problem = l.optionalDuration()
	case fSize:
		r.Size, problem = l.size()
	case fInstance:
		r.Instance, problem = l.label()
	case fVersion:
		r.Version, problem = l.label()
	case fTrace:
		problem = l.trace(r)
	case fMetricID:
		problem = l.skip()
	}
	return field, problem
}

func unknownField(name string) (problem string) {
	if near := nearest.Likely(name, fields[:]); near != "" {
		return fmt.Sprintf("is not a known field; did you mean %q?", near)
	}
	return "is not a known field; known are " + strings.Join(fields[:], ", ")
}

const (
	maxFieldName = 64
	maxUnknown   = 20 // unknown fields of a body that are named
)

// note remembers the name of a field that is ignored.
func (l *lexer) note(field string) {
	if len(l.ignored) < maxUnknown && !slices.Contains(l.ignored, field) {
		l.ignored = append(l.ignored, field)
	}
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

// label reads a text, a number as it is written, or null.
func (l *lexer) label() (s []byte, problem string) {
	if c := l.next(); c == '-' || c >= '0' && c <= '9' {
		return l.number()
	}
	return l.optional("a string, a number or null")
}

// trace reads a trace's identifier, or null. A stranger may have chosen it, so anything else
// is only noted.
func (l *lexer) trace(r *Request) string {
	s, problem := l.optional("a string of 32 hex digits, or null")
	if problem != "" || len(s) == 0 {
		return problem
	}
	var ok bool
	if r.Trace, ok = wire.ParseTraceID(s); ok {
		return ""
	}
	if l.strict {
		return fmt.Sprintf("is %q; must be 32 hex digits, not all zero", wire.Clean(string(s), 40))
	}
	l.note("trace_id")
	return ""
}

// numeral reads a number, or a string that is one.
func (l *lexer) numeral() (token []byte, problem string) {
	if l.next() != '"' {
		return l.number()
	}
	s, problem := l.str()
	if problem != "" {
		return nil, problem
	}
	if n, ok := scanNumber(s); !ok || n < len(s) {
		return nil, fmt.Sprintf("is %q; must be a number", wire.Clean(string(s), 40))
	}
	return s, ""
}

func (l *lexer) duration() (time.Duration, string) {
	token, problem := l.numeral()
	if problem != "" {
		return 0, problem
	}
	ns, ok := nanoseconds(token, int64(wire.MaxDuration))
	if !ok {
		return 0, wire.DurationProblem
	}
	return time.Duration(ns), ""
}

func (l *lexer) optionalDuration() (time.Duration, string) {
	if l.null() {
		return 0, ""
	}
	return l.duration()
}

func (l *lexer) size() (int64, string) {
	if l.null() {
		return 0, ""
	}
	token, problem := l.numeral()
	if problem != "" {
		return 0, problem
	}
	n, ok := integer(token)
	if !ok || n < 0 || n > wire.MaxSize {
		return 0, fmt.Sprintf("is %.20s; must be a whole number from 0 to %d", token, int64(wire.MaxSize))
	}
	return int64(n), ""
}

func (l *lexer) status(r *Request) string {
	token, problem := l.numeral()
	if problem != "" {
		return problem
	}
	var ok bool
	if r.Status, ok = integer(token); !ok {
		return fmt.Sprintf("is %.20s; must be a whole number from %d to %d", token, wire.MinStatus, wire.MaxStatus)
	}
	return wire.StatusProblem(r.Status)
}
