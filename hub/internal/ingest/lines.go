package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/kymohq/kymo/internal/wire"
)

// maxLine bounds a line of a stream.
const maxLine = 64 << 10

// lines is a Reader of a stream with one request on each line that is not blank.
type lines struct {
	r      *bufio.Reader
	number int // of the last line, from 1
	index  int // of the next request
	last   bool

	// read parses a line, without its end, into an empty request, or returns errNoRequest. Its
	// caller sets r.Line and the place of a *wire.FieldError.
	read func(line []byte, r *Request) error
}

// errNoRequest is what lines.read returns for a line that is not a request, such
// as a comment.
var errNoRequest = errors.New("not a request")

func newLines(r io.Reader, read func([]byte, *Request) error) *lines {
	return &lines{r: bufio.NewReaderSize(r, maxLine), read: read}
}

func (l *lines) Next(r *Request) error {
	var err error
	for err = errNoRequest; errors.Is(err, errNoRequest); {
		var line []byte
		if line, err = l.next(); err != nil {
			return err
		}
		*r = Request{Start: NoTime}
		err = l.read(line, r)
	}
	if bad, ok := errors.AsType[*wire.FieldError](err); ok {
		bad.Index, bad.Line = l.index, l.number
	}
	r.Line = l.number
	l.index++
	return err
}

// next returns the next line that is not blank, valid until the one after it.
func (l *lines) next() ([]byte, error) {
	for !l.last {
		l.number++
		line, err := l.r.ReadSlice('\n')
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			l.last = true
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, &wire.FieldError{Index: l.index, Line: l.number, Problem: fmt.Sprintf("is longer than %d bytes", maxLine)}
		default:
			return nil, fmt.Errorf("read line %d: %w", l.number, err)
		}
		if l.number == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return bytes.TrimRight(line, "\r\n"), nil
		}
	}
	return nil, io.EOF
}

// NDJSON returns a reader of a stream with one PerformanceMetric on each line. Unlike in
// JSON, a field that is not known is an error.
func NDJSON(stream io.Reader) Reader {
	// Otherwise a file whose times have another name would be of the time of its import.
	l := lexer{strict: true}
	return newLines(stream, func(line []byte, r *Request) error {
		l.data, l.at = line, 0
		if field, problem := l.object(r); problem != "" {
			return &wire.FieldError{Field: field, Problem: problem}
		}
		if l.next(); !l.ended() {
			return &wire.FieldError{Problem: l.unexpected("the line's end: one object a line")}
		}
		return nil
	})
}
