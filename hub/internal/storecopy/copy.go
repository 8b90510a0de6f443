// Package storecopy copies everything that one store keeps to another. A Copier
// goes through the hours in which the source may hold something (hours.go), cuts
// what an hour holds into batches that it would cut again in the same way (cut.go),
// gives them numbers that follow from the source and the hour (sequence.go), and
// appends them to the target (send.go). So a copy that was interrupted is simply
// made again, and counts nothing twice. At the end Check compares the two stores
// hour by hour (check.go).
package storecopy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/retry"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Place is one of the two stores.
type Place struct {
	store.Store
	Name string // for errors: without a password
}

// Copier copies from one store to another.
type Copier struct {
	From, To Place
	// Source identifies the data in From: batches of the same source that come to
	// the same store twice count once.
	Source string
	Retry  retry.Policy // of appending to To what it refused for now
	// Progress, if not nil, is called from time to time, first with nothing done.
	Progress func(p Phase, done, total int64)
}

// Phase is what a Copier is doing.
type Phase int

// The phases, in order.
const (
	Copying Phase = iota
	Checking
)

func (p Phase) String() string {
	if p == Copying {
		return "copying"
	}
	return "checking"
}

func (c *Copier) progress(p Phase, done, total int64) {
	if c.Progress != nil {
		c.Progress(p, done, total)
	}
}

// Amounts are how much there is of each kind of data in a store.
type Amounts struct{ Requests, Dropped, Health int64 }

func (a Amounts) plus(b Amounts) Amounts {
	return Amounts{a.Requests + b.Requests, a.Dropped + b.Dropped, a.Health + b.Health}
}

// Minus returns the difference of each amount.
func (a Amounts) Minus(b Amounts) Amounts {
	return Amounts{a.Requests - b.Requests, a.Dropped - b.Dropped, a.Health - b.Health}
}

func (a Amounts) String() string {
	return fmt.Sprintf("%s, %s and %s", figure.Plural(a.Requests, "request"),
		figure.Plural(a.Dropped, "dropped request"), figure.Plural(a.Health, "health result"))
}

// ErrSameStore is the error of two names that lead to one store.
var ErrSameStore = errors.New("FROM and TO are the same store; name another for TO")

// TellApart returns ErrSameStore if both places are the same store, which would then
// have everything twice. Servers can have several names, so it appends the same empty
// batch to both: if the second one has it already, it is the first.
func (c *Copier) TellApart(ctx context.Context) error {
	mark := wire.NewBuilder().Batch("copy-"+rand.Text(), 0)
	if _, err := c.append(ctx, mark); err != nil {
		return err
	}
	// If From does not accept it, it is not the store that just did.
	fresh, err := c.From.Append(ctx, mark)
	if err == nil && !fresh[0] {
		return ErrSameStore
	}
	return nil
}
