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

// Hub stores requests and answers queries. It is an http.Handler and a kymo.Sink,
// and is safe for concurrent use.
type Hub struct{ core *core.Hub }

var _ kymo.Sink = (*Hub)(nil)

// Open returns a hub that stores its data in the directory dir. Open creates the
// directory if it does not exist; no other process may use it. If the configuration
// is invalid, the error wraps a *health.FieldError for each problem, and no directory is
// created. If Open returns an error, it has closed the configuration's probes.
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
	st, err := pebblestore.Open(dir, pebblestore.Options{Now: c.now, Logger: c.Logger, MaxSize: c.Retention.Size})
	if err != nil {
		return nil, err
	}
	pebblestore.WarnOfReaders(dir, c.Logger)
	h, err := core.New(st, inner, core.Options{Directory: dir, Version: c.Version, Now: c.now, Logger: c.Logger, Limits: c.limits})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &Hub{h}, nil
}

// ServeHTTP answers the API's requests; after Close it answers with status 503. A
// Monitor around it does not record these requests.
//
// ServeHTTP limits how long it waits for a request's body and for a client to read
// the answer, whatever the settings of the http.Server. What happens outside of
// handlers is limited by that server alone: see http.Server.ReadHeaderTimeout and
// IdleTimeout and, for HTTP/2, http.HTTP2Config.WriteByteTimeout.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.core.ServeHTTP(w, r) }

// Ship stores a batch, as kymo.Sink describes.
func (h *Hub) Ship(ctx context.Context, batch []byte) error { return h.core.Ship(ctx, batch) }

// Health returns the status of all checks and services, from memory: it runs no check.
func (h *Hub) Health() health.Report { return h.core.Health() }

// Close drains the hub: it rejects new requests and waits for those in flight. Then
// it ends the checks and closes the store. If ctx is done before the requests are,
// Close does not wait for them any longer. Everything that was acknowledged is
// durable in any case.
func (h *Hub) Close(ctx context.Context) error { return h.core.Close(ctx) }
