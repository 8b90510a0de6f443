package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kymohq/kymo/internal/printable"
)

// FieldError is what is wrong with a body of requests, a batch or one that a reader
// takes apart, and where. Nothing of that body is kept. A health.FieldError is of a value
// in Go, which has no place.
type FieldError struct {
	Index   int    // the element's place in the body, from 0; -1 for the body itself
	Field   string // the field's name in JSON; "" for the element itself
	Line    int    // from 1; 0 if the body is not a text of lines
	Problem string // what is wrong, and what would be valid
}

func (e *FieldError) Error() string {
	var b strings.Builder
	switch {
	case e.Line > 0:
		fmt.Fprintf(&b, "line %d: ", e.Line)
	case e.Index >= 0:
		fmt.Fprintf(&b, "element %d: ", e.Index)
	case e.Field == "":
		b.WriteString("body: ")
	}
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Problem)
	return b.String()
}

// Location returns the place in the form of problem details, such as
// body[3].status_code.
func (e *FieldError) Location() string {
	s := "body"
	if e.Index >= 0 {
		s += "[" + strconv.Itoa(e.Index) + "]"
	}
	if e.Field != "" {
		s += "." + e.Field
	}
	return s
}

// What is wrong with a value beyond a limit, and what would be valid.
const (
	StartRange      = "between the years 1970 and 9999" // from 0 to MaxStart
	StartProblem    = "must lie " + StartRange
	DurationProblem = "must be from 0 to 2147483647 ms (24.8 days)" // MaxDuration

	firstByteProblem = "must be from 0 to response_time_ms"
	sizeProblem      = "must be from 0 to 9007199254740991 bytes" // MaxSize
)

// StatusProblem returns what is wrong with a status code, "" if it is valid.
func StatusProblem(status int) string {
	if status < MinStatus || status > MaxStatus {
		return fmt.Sprintf("is %d; must be from %d to %d", status, MinStatus, MaxStatus)
	}
	return ""
}

// TextProblem returns what is wrong with a text that may be empty, "" if Clean leaves
// it as it is.
func TextProblem(s string, limit int) string {
	if r, found := printable.First(s); found {
		return "contains " + printable.Name(r) + "; " + optionalText(limit)
	}
	if !fit(s, limit) {
		return optionalText(limit)
	}
	return ""
}

func optionalText(limit int) string {
	return fmt.Sprintf("must be at most %d bytes of UTF-8 without control characters", limit)
}

func requiredText(limit int) string {
	return fmt.Sprintf("must be 1 to %d bytes of UTF-8 without control characters", limit)
}

// OutOfBounds returns the first of the request's numbers that no batch may have, and
// what is wrong with it; "" if there is none.
func (r *Request) OutOfBounds() (field, problem string) {
	switch {
	case r.Start < 0 || r.Start > MaxStart:
		return "timestamp", StartProblem
	case r.Duration < 0 || r.Duration > MaxDuration:
		return "response_time_ms", DurationProblem
	case r.FirstByte < 0 || r.FirstByte > r.Duration:
		return "first_byte_ms", firstByteProblem
	case r.Lifetime < 0 || r.Lifetime > MaxDuration:
		return "lifetime_ms", DurationProblem
	case r.Size < 0 || r.Size > MaxSize:
		return "response_bytes", sizeProblem
	}
	return "", ""
}
