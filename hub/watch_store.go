package hub

import (
	"context"
	"time"

	"github.com/kymohq/kymo/health"
)

// remote is what stores can do that are servers of their own: say whether they
// answer, and how many bodies wait for them.
type remote interface {
	Check(ctx context.Context) error
	Waiting() int
}

// watchStore makes a check of a store that may be away. It is not critical: what
// the hub looks at stands as before, and senders keep what it cannot take.
func (w *watch) watchStore(st remote) error {
	name := "store"
	if w.names[name] {
		name = "kymo-store"
	}
	w.names[name] = true
	return w.registry.Register(name, health.Probe{Kind: "store", Run: func(ctx context.Context) (health.Details, error) {
		return health.Details{"waiting": st.Waiting()}, st.Check(ctx)
	}}, health.Every(5*time.Second), health.Timeout(2*time.Second))
}
