package ingest

import (
	"bytes"
	"io"

	"github.com/kymohq/kymo/internal/wire"
)

// JSON returns a reader of a body that is one PerformanceMetric, an array of them, an object
// whose first member, "requests", is such an array, or any number of them one after the
// other (NDJSON). The body must not change while it is read.
func JSON(body []byte) *JSONReader {
	return &JSONReader{lexer: lexer{data: bytes.TrimPrefix(body, []byte("\uFEFF"))}}
}

// JSONReader is a Reader of JSON.
type JSONReader struct {
	lexer
	form  form
	index int // of the next element
}

// form is the structure of a JSON body.
type form uint8

const (
	unknownForm form = iota // nothing was read yet
	array
	member   // array within an object
	sequence // objects one after the other
)

// Ignored returns the fields that were ignored so far, as they are not known or do not hold
// what they should: each once, and at most 20.
func (j *JSONReader) Ignored() []string { return j.ignored }

// Next implements Reader.
func (j *JSONReader) Next(r *Request) error {
	if j.form == unknownForm {
		if err := j.begin(); err != nil {
			return err
		}
	}
	more, err := j.more()
	switch {
	case err != nil:
		return err
	case !more:
		return io.EOF
	}
	if field, problem := j.object(r); problem != "" {
		return &wire.FieldError{Index: j.index, Field: field, Problem: problem}
	}
	j.index++
	return nil
}

// begin determines the body's form.
func (j *JSONReader) begin() error {
	switch j.next() {
	case '[':
		j.at++
		j.form = array
		return nil
	case '{':
		if j.form = sequence; j.isWrapped() {
			j.form = member
		}
		return nil
	}
	if j.ended() {
		return &wire.FieldError{Index: -1, Problem: "is empty; must be a PerformanceMetric or an array of them"}
	}
	return &wire.FieldError{Index: -1, Problem: j.must("a PerformanceMetric or an array of them")}
}

// isWrapped reports whether an object begins with the member "requests", an array, and moves
// to its first element if so.
func (j *JSONReader) isWrapped() bool {
	l := lexer{data: j.data, at: j.at + 1}
	if name, problem := l.str(); problem != "" || string(name) != "requests" || l.next() != ':' {
		return false
	}
	l.at++
	if l.next() != '[' {
		return false
	}
	j.at = l.at + 1
	return true
}

// end reads what follows the array.
func (j *JSONReader) end() error {
	if j.form == member {
		for j.next() == ',' {
			j.at++
			name, problem := j.name()
			if problem == "" && string(name) == "requests" {
				return &wire.FieldError{Index: -1, Field: "requests", Problem: "appears twice in one object"}
			}
			if problem == "" {
				j.note(wire.Clean(string(name), maxFieldName))
				problem = j.skip()
			}
			if problem != "" {
				return &wire.FieldError{Index: -1, Problem: problem}
			}
		}
		if j.next() != '}' {
			return &wire.FieldError{Index: -1, Problem: j.unexpected("a comma or the object's end")}
		}
		j.at++
	}
	if j.next(); !j.ended() {
		return &wire.FieldError{Index: -1, Problem: j.unexpected("the end: nothing may follow the requests")}
	}
	return nil
}

// more reports whether another element follows, and moves to its beginning.
func (j *JSONReader) more() (bool, error) {
	c := j.next()
	if j.form == sequence {
		return !j.ended(), nil
	}
	if c == ']' {
		j.at++
		return false, j.end()
	}
	if j.index > 0 {
		if c != ',' {
			return false, &wire.FieldError{Index: -1, Problem: j.unexpected("a comma or the array's end")}
		}
		j.at++
	}
	return true, nil
}
