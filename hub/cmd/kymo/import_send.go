package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// importer sends sources to a hub.
type importer struct {
	env      *environment
	hub      *hubClient
	patience time.Duration // how long a batch is tried again
	screen   screen
	now      func() time.Time
}

// batchesPath is the hub's door for encoded batches.
const batchesPath = "/api/v1/batches"

// inFlightBatches is how many batches are on their way at once: the hub makes
// them durable together, so that waiting for the disk is shared.
const inFlightBatches = 4

// receipt is the hub's answer to a batch.
type receipt struct {
	Accepted  int64 // rows that are durable now
	Dropped   int64 // the others: older than what the hub keeps, or in the future
	Duplicate bool  // whether they were durable before
}

// readReceipt reads an answer. One that does not say what became of every row,
// such as a proxy's {}, is no receipt.
func readReceipt(answer []byte, rows int64) (receipt, bool) {
	var got struct {
		Accepted  *int64
		Dropped   int64
		Duplicate *bool
	}
	if json.Unmarshal(answer, &got) != nil || got.Accepted == nil || got.Duplicate == nil ||
		*got.Accepted+got.Dropped != rows {
		return receipt{}, false
	}
	return receipt{*got.Accepted, got.Dropped, *got.Duplicate}, true
}

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
		bar      = newProgress(imp.env.stderr, imp.screen, imp.now, "importing "+s.name, s.size)
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
			got, err := imp.ship(ctx, body, rows)
			if err != nil {
				cancel(err)
				return
			}
			mu.Lock()
			done.add(rows, got)
			mu.Unlock()
		})
		read += rows
		bar.show(read, content.bytes)
	}
	inFlight.Wait()
	bar.clear()
	done.took = imp.now().Sub(begun)
	if ctx.Err() != nil {
		return nil, s.broken(context.Cause(ctx), &done)
	}
	if unreadable != nil {
		return nil, fmt.Errorf("%w; the first %s are imported and stay, the others are not",
			unreadable, plural(done.rows, "row"))
	}
	if s.regular && s.identity(content.sum) != s.instance {
		return nil, fmt.Errorf("%s: it changed while it was imported, and rows of both its states may be there", s.name)
	}
	return &done, nil
}

// add takes the receipt of a batch of rows into the result.
func (r *result) add(rows int64, got receipt) {
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
	there := plural(done.rows-done.refused, "row")
	if s.regular {
		return fmt.Errorf("%w; of %s %s are there: run the same command again, which counts nothing twice", err, s.name, there)
	}
	return fmt.Errorf("%w; of %s at least %s are there", err, s.name, there)
}

// ship sends one batch until the hub has it, has refused it, or patience is over.
func (imp *importer) ship(ctx context.Context, body []byte, rows int64) (got receipt, err error) {
	err = tryAgain(ctx, imp.now, imp.patience, func() (again bool, least time.Duration, err error) {
		answer, err := imp.hub.post(ctx, batchesPath, wire.ContentType, body)
		if err == nil {
			var ok bool
			if got, ok = readReceipt(answer, rows); !ok {
				err = fmt.Errorf("what answers at %s is not a Kymo hub", imp.hub.base.Redacted())
			}
			return false, 0, err
		}
		var refused *refusal
		if errors.As(err, &refused) {
			again = refused.status == http.StatusTooManyRequests || refused.status/100 == 5
			return again, refused.retryAfter, err
		}
		return true, 0, err
	})
	return got, err
}
