package pebblestore

import (
	"context"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/store"
)

// maxRereads bounds how often a read is repeated, each time after damage that it met was
// cut out.
const maxRereads = 16

// reread calls read, which yields values and returns an error, and yields the error. A
// read that met damage before it yielded anything is repeated once that is cut out.
func reread[T any](ctx context.Context, s *Store, yield func(T, error) bool, read func(yield func(T, error) bool) error) {
	yielded := false
	once := func(v T, err error) bool {
		yielded = true
		return yield(v, err)
	}
	for n := 0; ; n++ {
		before := s.mends.Load()
		err := read(once)
		if err == nil {
			return
		}
		if pebble.IsCorruptionError(err) {
			mended := s.awaitMending(ctx) == nil && s.mends.Load() != before
			if mended && !yielded && n < maxRereads {
				continue
			}
			err = damaged(err)
		}
		var none T
		yield(none, err)
		return
	}
}

// awaitMending waits until the damage that was met so far is cut out, if it can be.
func (s *Store) awaitMending(ctx context.Context) error {
	return s.do(ctx, func(c *committer) error {
		for {
			select {
			case name := <-c.engine.damaged:
				c.mend(name)
			default:
				return nil
			}
		}
	})
}

// damaged returns store.ErrDamaged with the first line of an error of Pebble, which joins
// errors for programs to tell apart.
func damaged(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%w: %w", store.ErrDamaged, lineError{err, line})
}

type lineError struct {
	error
	line string
}

func (l lineError) Error() string { return l.line }
func (l lineError) Unwrap() error { return l.error }
