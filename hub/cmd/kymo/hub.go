package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
	"github.com/kymohq/kymo/hub/internal/core"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

// defaultListen is the default address of a hub.
const defaultListen = config.DefaultListen

// makers are the probes and stores that a configuration can name.
var makers = config.Makers{Probe: probe.New, Service: probe.Service, Store: engines.Check}

// parseCheck reads a check that was sent over the API.
func parseCheck(content []byte) (*config.Check, error) { return settings.ParseCheck(content, makers) }

// openHub opens the hub of a configuration that was validated.
func openHub(c *config.Config, logger *slog.Logger) (*core.Hub, error) {
	st, err := engines.Open(c.Store, engines.Options{Logger: logger, MaxSize: c.Retention.Size})
	if err != nil {
		return nil, err
	}
	directory := ""
	if !engines.Remote(c.Store) {
		directory = c.Store
	}
	h, err := core.New(st, c, core.Options{
		Makers: makers, ParseCheck: parseCheck, Logger: logger, Version: describeBuild(debug.ReadBuildInfo()), Directory: directory,
	})
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return h, nil
}

// closeTime is how long all may take that ends before the store, such as the write of the
// last results of checks, which takes seconds in a database that has much to do. Together with
// webserver.StopTime it is less than what Kubernetes and systemd grant.
const closeTime = 8 * time.Second

// closeHub makes what was accepted durable and frees the store.
func closeHub(h *core.Hub) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	// The server has waited for its requests: none is in the hub any more.
	return h.Close(ctx)
}
