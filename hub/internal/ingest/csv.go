package ingest

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// columns of a CSV line without a heading, in order.
var columns = [...]string{"start", "endpoint", "method", "duration", "status", "user"}

// CSV returns a reader of a stream of lines with start (Unix ms), endpoint, method,
// duration (ns), status and user, which may be empty. Fields may be quoted
// (RFC 4180), but not span lines. If the first line is a heading with the names of
// api_metrics, the columns are those of that table: see heading.
func CSV(stream io.Reader) Reader {
	var unquoted []byte
	var named *heading
	begun := false
	return newLines(stream, func(line []byte, r *Request) error {
		unquoted = unquoted[:0]
		if !begun {
			begun = true
			var err error
			if named, err = readHeading(line); named != nil {
				return errNoRequest
			} else if err != nil {
				return err
			}
		}
		if named != nil {
			return named.read(line, r)
		}
		var f [len(columns)][]byte
		rest, more := line, true
		for i := range f {
			if !more {
				return &wire.FieldError{Field: columns[i], Problem: fmt.Sprintf("is missing; a line has the %d fields start, endpoint, method, duration, status and user", len(f))}
			}
			if len(rest) > 0 && rest[0] == '"' {
				var problem string
				if f[i], rest, more, unquoted, problem = cutQuoted(rest, unquoted); problem != "" {
					return &wire.FieldError{Field: columns[i], Problem: problem}
				}
				continue
			}
			f[i], rest, more = bytes.Cut(rest, comma)
		}
		if more {
			return &wire.FieldError{Problem: fmt.Sprintf("has more than %d fields; put a field with a comma in double quotes", len(f))}
		}
		if field, problem := csvRequest(&f, r); problem != "" {
			return &wire.FieldError{Field: field, Problem: problem}
		}
		return nil
	})
}

var comma = []byte{','}

// cutQuoted cuts a quoted field off a line. It appends the field without its
// quotes to room.
func cutQuoted(line, room []byte) (field, rest []byte, more bool, _ []byte, problem string) {
	from := len(room)
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] != '"':
			room = append(room, line[i])
		case i+1 < len(line) && line[i+1] == '"':
			room = append(room, '"')
			i++
		case i+1 == len(line):
			return room[from:], nil, false, room, ""
		case line[i+1] == ',':
			return room[from:], line[i+2:], true, room, ""
		default:
			return nil, nil, false, room, "must end after its closing quote"
		}
	}
	return nil, nil, false, room, "has no closing quote"
}

// csvRequest sets r to the request of a line's fields. If there is a problem, field is
// the column at fault.
func csvRequest(f *[len(columns)][]byte, r *Request) (field, problem string) {
	*r = Request{Endpoint: f[1], Method: f[2], User: f[5]}
	var ok bool
	if r.Start, ok = digits(f[0], wire.MaxStart); !ok {
		return "start", must(f[0], "Unix milliseconds "+wire.StartRange)
	}
	ns, ok := digits(f[3], int64(wire.MaxDuration))
	if !ok {
		return "duration", must(f[3], fmt.Sprintf("nanoseconds from 0 to %d (24.8 days)", int64(wire.MaxDuration)))
	}
	r.Duration = time.Duration(ns)
	status, ok := digits(f[4], wire.MaxStatus)
	if !ok || status < wire.MinStatus {
		return "status", must(f[4], fmt.Sprintf("a number from %d to %d", wire.MinStatus, wire.MaxStatus))
	}
	r.Status = int(status)
	return "", ""
}

// must describes a value that should be something else.
func must(value []byte, be string) string {
	return fmt.Sprintf("is %q; must be %s", wire.Clean(string(value), 40), be)
}

// digits reads a whole number from 0 to limit.
func digits(b []byte, limit int64) (int64, bool) {
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int64(c-'0'); n > limit {
			return 0, false
		}
	}
	return n, len(b) > 0
}
