// Package timeout makes contexts that know how long their timeout was. What is left of it
// is known from the deadline, but who reports that time ran out names the whole.
package timeout

import (
	"context"
	"time"
)

type key struct{}

// Context is context.WithTimeout for a context whose timeout Of returns.
func Context(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(parent, key{}, d), d)
}

// Of returns the timeout of a context made by Context, or 0.
func Of(ctx context.Context) time.Duration {
	d, _ := ctx.Value(key{}).(time.Duration)
	return d
}
