package storecopy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kymohq/kymo/hub/internal/store"
)

// documentKey identifies a document.
type documentKey struct{ kind, name string }

// copyDocuments copies the documents that To does not have, or has in an older version,
// and returns how many that were. A document that To has and From has not stays.
func (c *Copier) copyDocuments(ctx context.Context) (copied int64, err error) {
	from, fromHas := c.From.Store.(store.Documenter)
	to, toHas := c.To.Store.(store.Documenter)
	if !fromHas || !toHas {
		return 0, nil
	}
	all, err := from.Documents(ctx, "")
	if err != nil {
		return 0, c.From.unread(err)
	}
	there, err := to.Documents(ctx, "")
	if err != nil {
		return 0, c.To.unread(err)
	}
	updated := make(map[documentKey]time.Time)
	for i := range there {
		updated[documentKey{there[i].Kind, there[i].Name}] = there[i].Updated
	}
	for i := range all {
		d := &all[i]
		if is, ok := updated[documentKey{d.Kind, d.Name}]; ok && !d.Updated.After(is) {
			continue
		}
		if err := c.Retry.Do(ctx, func() (again bool, pause time.Duration, err error) {
			err = to.PutDocument(ctx, d)
			return errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrFull), 0, err
		}); err != nil {
			return copied, fmt.Errorf("write %s %s to %s: %w", d.Kind, d.Name, c.To.Name, err)
		}
		copied++
	}
	return copied, nil
}
