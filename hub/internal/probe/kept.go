package probe

import (
	"context"
	"time"

	"github.com/kymohq/kymo/health"
)

// maxAge bounds how long a connection is kept: a name may have moved to another server
// while the old one still answers.
const maxAge = time.Minute

// connections are what a probe keeps from run to run.
type connections interface {
	// oldest returns when the oldest was made, the zero time if there is none.
	oldest() time.Time
	// drop closes them. The next run makes others.
	drop()
	// close drops them for good.
	close()
}

// fresh returns a run that judges the server which the name has now: no connection is
// used again that is old, or over which a run was not healthy.
func fresh(c connections, run runFunc) runFunc {
	return func(ctx context.Context) (health.Details, error) {
		if made := c.oldest(); !made.IsZero() && time.Since(made) >= maxAge {
			c.drop()
		}
		details, err := run(ctx)
		if err != nil {
			c.drop()
		}
		return details, err
	}
}
