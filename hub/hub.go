package hub

import (
	"context"
	"errors"
	"net/http"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/core"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// Hub keeps requests and answers questions about them. It is an http.Handler
// and a kymo.Sink, and safe for concurrent use.
type Hub struct{ core *core.Hub }

var _ kymo.Sink = (*Hub)(nil)

// Open returns a hub that keeps its data in the directory dir, which it creates if
// need be and which no other process may use. If the configuration is wrong, the
// error has a *FieldError for everything that is wrong with it, and no directory
// is created. If Open fails, it has closed the probes of the configuration.
func Open(dir string, c Config) (*Hub, error) {
	inner := c.internal()
	closeProbes := ownProbes(inner)
	h, err := open(dir, inner, &c)
	if err != nil {
		closeProbes()
		return nil, err
	}
	return h, nil
}

func open(dir string, inner *config.Config, c *Config) (*Hub, error) {
	if err := inner.Validate(config.Makers{}); err != nil {
		return nil, fieldErrors(err)
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{Now: c.now})
	if err != nil {
		return nil, err
	}
	h, err := core.New(st, inner, core.Options{Version: c.Version, Now: c.now, Logger: c.Logger, Limits: c.limits})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &Hub{h}, nil
}

// ServeHTTP answers the API's requests; after Close with 503. In a service that
// records its requests with a Monitor, those for the hub are left out.
//
// It waits neither for bodies nor until answers are taken without a limit, in whatever
// server of net/http. What remains for that server to limit is
// http.Server.ReadHeaderTimeout, IdleTimeout and, for HTTP/2,
// http.HTTP2Config.WriteByteTimeout.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.core.ServeHTTP(w, r) }

// Ship keeps a batch of the SDK, as kymo.Sink describes it.
func (h *Hub) Ship(ctx context.Context, batch []byte) error { return h.core.Ship(ctx, batch) }

// Health returns the state of the checks and the services. It runs none of them.
func (h *Hub) Health() health.Report { return h.core.Health() }

// Close lets no more requests in, waits for those in flight until ctx is done,
// ends the checks, and closes the store. If ctx was done before, the hub is closed
// nevertheless: what was acknowledged is durable.
func (h *Hub) Close(ctx context.Context) error { return h.core.Close(ctx) }
