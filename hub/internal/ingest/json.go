package ingest

import (
	"bytes"
	"io"

	"github.com/kymohq/kymo/internal/wire"
)

// JSON returns a reader of a body that is one PerformanceMetric, an array of them,
// or any number of them one after the other (NDJSON). The body must not change
// while it is read.
func JSON(body []byte) Reader {
	return &jsonReader{lexer: lexer{data: bytes.TrimPrefix(body, []byte("\uFEFF"))}}
}

type jsonReader struct {
	lexer
	form  form
	index int // of the next element
}

// form is the structure of a JSON body.
type form uint8

const (
	unknownForm form = iota // nothing was read yet
	array
	sequence // objects one after the other
)

func (j *jsonReader) Next(r *Request) error {
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
func (j *jsonReader) begin() error {
	switch j.next() {
	case '[':
		j.at++
		j.form = array
		return nil
	case '{':
		j.form = sequence
		return nil
	}
	if j.ended() {
		return &wire.FieldError{Index: -1, Problem: "is empty; must be a PerformanceMetric or an array of them"}
	}
	return &wire.FieldError{Index: -1, Problem: j.must("a PerformanceMetric or an array of them")}
}

// more reports whether another element follows, and moves to its beginning.
func (j *jsonReader) more() (bool, error) {
	c := j.next()
	if j.form == sequence {
		return !j.ended(), nil
	}
	if c == ']' {
		j.at++
		if j.next(); !j.ended() {
			return false, &wire.FieldError{Index: -1, Problem: j.unexpected("the end: nothing may follow the array")}
		}
		return false, nil
	}
	if j.index > 0 {
		if c != ',' {
			return false, &wire.FieldError{Index: -1, Problem: j.unexpected("a comma or the array's end")}
		}
		j.at++
	}
	return true, nil
}
