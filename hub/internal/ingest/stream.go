package ingest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/kymohq/kymo/internal/wire"
)

// maxLine bounds a line of a stream.
const maxLine = 64 << 10

// stream reads lines, of which read takes one apart, and yields batches.
func stream(r io.Reader, o Options, read func(line []byte, m *metric) (field, problem string)) iter.Seq2[*wire.Batch, error] {
	return func(yield func(*wire.Batch, error) bool) {
		c := newCollector(o)
		lines := bufio.NewReaderSize(r, maxLine)
		var m metric
		for number, index := 1, 0; ; number++ {
			line, err := lines.ReadSlice('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, lineError(number, err))
				return
			}
			if number == 1 {
				line = bytes.TrimPrefix(line, []byte("\uFEFF"))
			}
			if line = bytes.TrimSpace(line); len(line) > 0 {
				if c.full() && !c.flush(yield) {
					return
				}
				field, problem := read(line, &m)
				if problem == "" {
					field, problem = c.add(&m)
				}
				if problem != "" {
					yield(nil, &Error{Index: index, Field: field, Line: number, Problem: problem})
					return
				}
				index++
			}
			if err != nil {
				break
			}
		}
		if c.last().Len() > 0 {
			c.flush(yield)
		}
	}
}

// flush yields the only batch and makes room for the next.
func (c *collector) flush(yield func(*wire.Batch, error) bool) bool {
	if !yield(c.last().Batch(c.o.Instance, c.o.Sequence()), nil) {
		return false
	}
	c.open = 0
	c.begin()
	return true
}

func lineError(number int, err error) error {
	if errors.Is(err, bufio.ErrBufferFull) {
		return &Error{Index: number - 1, Line: number, Problem: fmt.Sprintf("is longer than %d bytes", maxLine)}
	}
	return fmt.Errorf("read line %d: %w", number, err)
}
