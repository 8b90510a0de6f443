package fileimport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/figure"
)

// maxInFlight is how many batches are on their way at once: the hub makes them
// durable together, so that they share the wait for the disk.
const maxInFlight = 4

// Result is what became of a source's rows.
type Result struct {
	Rows    int64
	Known   int64 // of these: there before
	Refused int64 // older than what the hub keeps, or in the future
	Took    time.Duration
}

// Send imports a source that was checked.
func (imp *Importer) Send(ctx context.Context, s *Source) (*Result, error) {
	f, err := s.open(imp.Stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var (
		mu       sync.Mutex // guards the results of the batches
		done     Result
		inFlight sync.WaitGroup
		slots    = make(chan struct{}, maxInFlight)
		begun    = time.Now()
		content  = &counter{r: f, sum: sha256.New()}
		read     int64

		unreadable error
	)
	imp.progress(Importing, s, 0, 0)
	for b, err := range s.batches(content, begun) {
		if err != nil {
			unreadable = err // what was read before stays on its way
			break
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		rows, body := int64(b.Len()), b.AppendBinary(nil)
		inFlight.Go(func() {
			defer func() { <-slots }()
			got, err := imp.Hub.Send(ctx, imp.Retry, body, rows)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			done.add(rows, got)
			mu.Unlock()
		})
		read += rows
		imp.progress(Importing, s, read, content.bytes)
	}
	inFlight.Wait()
	done.Took = time.Since(begun)
	if ctx.Err() != nil {
		return nil, s.broken(context.Cause(ctx), &done)
	}
	if unreadable != nil && done.Rows == 0 {
		return nil, fmt.Errorf("%w; nothing was imported", unreadable)
	}
	if unreadable != nil {
		return nil, fmt.Errorf("%w; the first %s are imported and stay, the others are not",
			unreadable, figure.Plural(done.Rows, "row"))
	}
	if s.regular && s.identity(content.sum) != s.instance {
		return nil, fmt.Errorf("%s: it changed while it was imported, and rows of both its states may be there", s.name)
	}
	return &done, nil
}

// add counts a batch of rows by its receipt.
func (r *Result) add(rows int64, got client.Receipt) {
	r.Rows += rows
	r.Refused += got.Dropped
	if got.Duplicate {
		r.Known += got.Accepted
	}
}

// broken is the error of a source that was not sent to its end, with what the hub has
// confirmed: more may be there, since an answer can be lost.
func (s *Source) broken(err error, done *Result) error {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	confirmed := "nothing"
	if kept := done.Rows - done.Refused; kept > 0 {
		confirmed = figure.Plural(kept, "row")
	}
	err = fmt.Errorf("%w; the hub has confirmed %s of %s", err, confirmed, s.name)
	if s.regular {
		err = fmt.Errorf("%w; run the same command again, which counts nothing twice", err)
	}
	return err
}
