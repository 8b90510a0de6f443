package fileimport

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/internal/wire"
)

// batchRows is how many rows a batch has. The identity of a row is its batch and
// its place there, so with another number a file that is imported again would
// count twice.
const batchRows = 8192

// batches reads r and yields its rows in batches of batchRows, valid until the next.
func (s *Source) batches(r io.Reader, now time.Time) iter.Seq2[*wire.Batch, error] {
	return func(yield func(*wire.Batch, error) bool) {
		out, sequence := wire.NewBuilder(), uint64(0)
		flush := func() bool {
			ok := yield(out.Batch(s.instance, sequence), nil)
			sequence++
			out.Reset()
			return ok
		}
		for b, err := range intake.Stream(s.format.read(r), s.service, now) {
			if err != nil {
				yield(nil, s.readError(err))
				return
			}
			for i := range b.Len() {
				request := b.Request(i)
				out.Add(&request)
				if out.Len() == batchRows && !flush() {
					return
				}
			}
		}
		if out.Len() > 0 {
			flush()
		}
	}
}

// readError adds the file to an error, before the line.
func (s *Source) readError(err error) error {
	var bad *wire.FieldError
	if errors.As(err, &bad) && bad.Line > 0 {
		text := bad.Problem
		if bad.Field != "" {
			text = bad.Field + ": " + text
		}
		return fmt.Errorf("%s:%d: %s", s.name, bad.Line, text)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}
