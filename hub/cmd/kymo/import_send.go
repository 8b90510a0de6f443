package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/term"
)

// importer sends sources to a hub.
type importer struct {
	env      *environment
	hub      *client.Client
	patience time.Duration // how long a batch is tried again
	screen   term.Screen
	now      func() time.Time
}

// inFlightBatches is how many batches are on their way at once: the hub makes
// them durable together, so that waiting for the disk is shared.
const inFlightBatches = 4

// send imports one source that was checked.
func (imp *importer) send(s *source) (*result, error) {
	f, err := s.open(imp.env.stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ctx, cancel := context.WithCancelCause(imp.env.ctx)
	defer cancel(nil)

	var (
		mu       sync.Mutex // guards the results of the batches
		done     result
		inFlight sync.WaitGroup
		slots    = make(chan struct{}, inFlightBatches)
		begun    = imp.now()
		bar      = term.NewProgress(imp.env.stderr, imp.screen, imp.now, "importing "+s.name, s.size)
		content  = &counter{r: f, sum: sha256.New()}
		read     int64

		unreadable error
	)
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
			got, err := imp.hub.Send(ctx, retry.Policy{Patience: imp.patience, Now: imp.now}, body, rows)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			done.add(rows, got)
			mu.Unlock()
		})
		read += rows
		bar.Show(read, content.bytes)
	}
	inFlight.Wait()
	bar.Clear()
	done.took = imp.now().Sub(begun)
	if ctx.Err() != nil {
		return nil, s.broken(context.Cause(ctx), &done)
	}
	if unreadable != nil {
		return nil, fmt.Errorf("%w; the first %s are imported and stay, the others are not",
			unreadable, term.Plural(done.rows, "row"))
	}
	if s.regular && s.identity(content.sum) != s.instance {
		return nil, fmt.Errorf("%s: it changed while it was imported, and rows of both its states may be there", s.name)
	}
	return &done, nil
}

// add takes the receipt of a batch of rows into the result.
func (r *result) add(rows int64, got client.Receipt) {
	r.rows += rows
	r.refused += got.Dropped
	if got.Duplicate {
		r.already += got.Accepted
	}
}

// broken says what is there of a source that was not sent to its end.
func (s *source) broken(err error, done *result) error {
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	there := term.Plural(done.rows-done.refused, "row")
	if s.regular {
		return fmt.Errorf("%w; of %s %s are there: run the same command again, which counts nothing twice", err, s.name, there)
	}
	return fmt.Errorf("%w; of %s at least %s are there", err, s.name, there)
}
