package ingest

import (
	"fmt"
	"strconv"
	"strings"
)

// Error is what is wrong with a body, and where. Nothing of that body is kept.
type Error struct {
	Index   int    // the element's place, from 0; -1 for the body itself
	Field   string // the field's name; empty for the element itself
	Line    int    // from 1; 0 if the body is not a text of lines
	Problem string // what is wrong and what is right
}

func (e *Error) Error() string {
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
func (e *Error) Location() string {
	s := "body"
	if e.Index >= 0 {
		s += "[" + strconv.Itoa(e.Index) + "]"
	}
	if e.Field != "" {
		s += "." + e.Field
	}
	return s
}
