package ingest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// heading is the first line of a CSV file whose columns have names, such as PostgreSQL's
// COPY api_metrics TO … CSV HEADER writes. Columns that a request has no use for, such as
// a row's number, are passed over.
type heading struct {
	columns []string
	scratch []byte
	fields  [][]byte
}

// namedColumns are the columns that are read. Of two that say the same, the first that a
// file has is read: duration_ns is finer than response_time_ms.
var namedColumns = []string{"endpoint", "method", "duration_ns", "response_time_ms", "status_code", "timestamp", "created_at", "user_id", "service",
	"first_byte_ns", "first_byte_ms", "lifetime_ns", "lifetime_ms", "response_bytes", "instance", "version", "error", "trace_id"}

// readHeading returns the heading if the line is one, nil if it is a request, or what a
// heading lacks.
func readHeading(line []byte) (*heading, error) {
	h := new(heading)
	fields, problem := h.split(line)
	if problem != "" {
		return nil, nil // the line is read as a request, and the problem found again
	}
	for _, field := range fields {
		h.columns = append(h.columns, strings.ToLower(string(bytes.TrimSpace(field))))
	}
	if !slices.Contains(h.columns, "endpoint") || !slices.Contains(h.columns, "status_code") {
		return nil, nil
	}
	for _, either := range [][]string{{"method"}, {"response_time_ms", "duration_ns"}, {"timestamp", "created_at"}} {
		if !slices.ContainsFunc(either, func(name string) bool { return slices.Contains(h.columns, name) }) {
			return nil, &wire.FieldError{Field: either[0], Problem: "is missing; the heading has no column of that name"}
		}
	}
	return h, nil
}

// split returns the fields of a line, valid until the next.
func (h *heading) split(line []byte) (fields [][]byte, problem string) {
	h.scratch, h.fields = h.scratch[:0], h.fields[:0]
	for rest, more := line, true; more; {
		var field []byte
		if len(rest) > 0 && rest[0] == '"' {
			if field, rest, more, h.scratch, problem = cutQuoted(rest, h.scratch); problem != "" {
				return nil, problem
			}
		} else {
			field, rest, more = bytes.Cut(rest, comma)
		}
		h.fields = append(h.fields, field)
	}
	return h.fields, ""
}

// read reads a line below the heading.
func (h *heading) read(line []byte, r *Request) error {
	fields, problem := h.split(line)
	switch {
	case problem != "":
		return &wire.FieldError{Field: h.columns[min(len(h.fields), len(h.columns)-1)], Problem: problem}
	case len(fields) != len(h.columns):
		return &wire.FieldError{Problem: fmt.Sprintf("has %d fields, where the heading has %d; put a field with a comma in double quotes", len(fields), len(h.columns))}
	}
	given := make(map[string][]byte, len(namedColumns))
	for i, name := range h.columns {
		if slices.Contains(namedColumns, name) && len(fields[i]) > 0 && given[name] == nil {
			given[name] = fields[i]
		}
	}
	if field, problem := namedRequest(given, r); problem != "" {
		return &wire.FieldError{Field: field, Problem: problem}
	}
	return nil
}

// namedRequest sets r to the request of these values. If there is a problem, field is
// the column at fault.
func namedRequest(given map[string][]byte, r *Request) (field, problem string) {
	*r = Request{Endpoint: given["endpoint"], Method: given["method"], User: given["user_id"], Service: given["service"], Start: NoTime,
		Instance: given["instance"], Version: given["version"], Error: given["error"]}
	for _, name := range []string{"endpoint", "method", "status_code"} {
		if given[name] == nil {
			return name, "is empty; it is required"
		}
	}
	status, ok := digits(given["status_code"], wire.MaxStatus)
	if !ok || status < wire.MinStatus {
		return "status_code", must(given["status_code"], fmt.Sprintf("a number from %d to %d", wire.MinStatus, wire.MaxStatus))
	}
	r.Status = int(status)
	if id := given["trace_id"]; id != nil {
		// PostgreSQL writes it as a UUID, with dashes.
		if r.Trace, ok = wire.ParseTraceID(bytes.ReplaceAll(id, []byte("-"), nil)); !ok {
			return "trace_id", must(id, "32 hex digits, not all zero")
		}
	}
	if field, problem = namedDurations(given, r); problem != "" {
		return field, problem
	}
	field = "timestamp"
	if given[field] == nil {
		field = "created_at"
	}
	if given[field] == nil {
		return "timestamp", "is empty; it is required"
	}
	t, ok := tableTime(string(given[field]))
	if !ok {
		return field, must(given[field], "a time such as 2026-11-23 10:15:30.123, in UTC or with its zone")
	}
	if r.Start = t.UnixMilli(); r.Start < 0 || r.Start > wire.MaxStart {
		return field, wire.StartProblem
	}
	return "", ""
}

func namedDurations(given map[string][]byte, r *Request) (field, problem string) {
	for _, d := range []struct {
		to     *time.Duration
		ns, ms string
		must   bool
	}{
		{&r.Duration, "duration_ns", "response_time_ms", true},
		{&r.FirstByte, "first_byte_ns", "first_byte_ms", false},
		{&r.Lifetime, "lifetime_ns", "lifetime_ms", false},
	} {
		switch inNS, inMS := given[d.ns], given[d.ms]; {
		case inNS != nil:
			ns, ok := digits(inNS, int64(wire.MaxDuration))
			if !ok {
				return d.ns, must(inNS, fmt.Sprintf("nanoseconds from 0 to %d (24.8 days)", int64(wire.MaxDuration)))
			}
			*d.to = time.Duration(ns)
		case inMS != nil || d.must:
			ns, ok := nanoseconds(inMS, int64(wire.MaxDuration))
			if !ok || inMS == nil {
				return d.ms, must(inMS, "milliseconds from 0 to 2147483647 (24.8 days)")
			}
			*d.to = time.Duration(ns)
		}
	}
	if size := given["response_bytes"]; size != nil {
		var ok bool
		if r.Size, ok = digits(size, wire.MaxSize); !ok {
			return "response_bytes", must(size, "a number of bytes")
		}
	}
	return "", ""
}

// tableTime reads a time as PostgreSQL and others write it: with a space or a T, with
// fractions or without, and with a zone or, in UTC, without.
func tableTime(text string) (time.Time, bool) {
	if len(text) > len(time.DateOnly) && text[len(time.DateOnly)] == ' ' {
		text = text[:len(time.DateOnly)] + "T" + text[len(time.DateOnly)+1:]
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05 UTC"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
