package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

// openedHub is a hub and the store that was opened for it.
type openedHub struct {
	*hub.Hub
	store store.Store
}

// openHub opens the hub that the settings describe.
func (s *settings) openHub(logger *slog.Logger) (*openedHub, error) {
	st, err := engines.Open(s.store, engines.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	config := hub.Config{
		Tokens:    hub.Tokens{Ingest: s.ingestToken, Read: s.readToken},
		Retention: hub.Retention{Age: s.retentionAge, Size: s.retentionSize},
		Slow:      hub.Slow{Target: s.slowTarget, MinSamples: s.slowMinSamples},
		Checks:    s.checks,
		Services:  s.services,
		Version:   buildVersion(debug.ReadBuildInfo()),
		Logger:    logger,
	}
	for _, r := range s.slowRoutes {
		config.Slow.Routes = append(config.Slow.Routes, hub.RouteTarget{Endpoint: r.endpoint, Target: r.target})
	}
	h, err := hub.New(st, config)
	if err != nil {
		return nil, errors.Join(s.places.locate(err), st.Close())
	}
	return &openedHub{h, st}, nil
}

// close makes what was accepted durable and frees the store.
func (h *openedHub) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// The server has waited for its requests: nobody is in the hub any more.
	err := h.Close(ctx)
	if closeErr := h.store.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close the store: %w", closeErr))
	}
	return err
}
