package intake

import (
	"errors"
	"io"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// Stream gathers the requests of a reader into batches and yields each when it is
// full, for input that is too long for memory and whose batches are sent to a hub.
// Requests without a service get the given one. A batch is valid until the next; the
// caller sets its instance and sequence. An element that the reader refuses is
// yielded as its *ingest.RefusalError, and the stream continues. Any other error ends the
// stream, after the batches before it. The age of requests is not checked: the hub
// does that.
func Stream(r ingest.Reader, service string, now time.Time) iter.Seq2[*wire.Batch, error] {
	return func(yield func(*wire.Batch, error) bool) {
		c := newBatcher()
		c.reset(newRegistry(Limits{}), service, now, always)
		for {
			if c.full() {
				if !yield(c.last().Batch("", 0), nil) {
					return
				}
				c.open = 0
				c.begin()
			}
			err := c.next(r, false)
			if err == nil {
				continue
			}
			if errors.Is(err, io.EOF) {
				break
			}
			var refusal *ingest.RefusalError
			if !yield(nil, err) || !errors.As(err, &refusal) {
				return
			}
		}
		if c.last().Len() > 0 {
			yield(c.last().Batch("", 0), nil)
		}
	}
}
