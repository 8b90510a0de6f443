package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/fleet"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/probe"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// watch is how the hub follows what it depends on: the checks, the services and
// the history of both.
type watch struct {
	config   *Config
	fleet    *fleet.Fleet
	registry health.Registry
	history  *history

	names map[string]bool // of the checks and services in the configuration

	mu         sync.Mutex
	discovered map[string]string // services that nobody named, to the names of their checks
}

// newWatch starts the checks.
func newWatch(st store.Store, config *Config, counters *intake.Counters) (*watch, error) {
	w := &watch{config: config, names: make(map[string]bool), discovered: make(map[string]string)}
	w.fleet = fleet.New(fleet.Limits{Services: config.MaxServices}, config.Now)
	w.fleet.Discovered, w.fleet.Left = w.follow, w.follow
	w.history = newHistory(st, config.Logger, counters)
	w.registry.Observer = w.history.observe
	w.history.start(config.beats, w.fleet.Sweep)
	err := w.register()
	if r, ok := st.(remote); ok && err == nil {
		err = w.watchStore(r) // last: names in the configuration come first
	}
	if err != nil {
		// What was started must not outlive a hub that there is none of.
		return nil, errors.Join(err, w.close(context.Background()))
	}
	return w, nil
}

func (w *watch) register() error {
	for i := range w.config.Checks {
		s := &w.config.Checks[i]
		p, err := probe.New(s)
		if err == nil {
			err = w.registry.Register(s.Name, p, checkOptions(s)...)
		}
		if err != nil {
			return err
		}
		w.names[s.Name] = true
	}
	for i := range w.config.Services {
		s := &w.config.Services[i]
		p, err := w.serviceProbe(s)
		if err == nil {
			err = w.registry.Register(s.Name, p, serviceOptions(s)...)
		}
		if err != nil {
			return err
		}
		w.names[s.Name] = true
	}
	return nil
}

func (w *watch) serviceProbe(s *Service) (health.Probe, error) {
	if s.Health != "" {
		return probe.Service(s.Health)
	}
	return w.fleet.Probe(s.Name, s.Silence, s.DownAfter, w.config.Now()), nil
}

// isService says whether the configuration has a service of that name.
func (w *watch) isService(name string) bool {
	for i := range w.config.Services {
		if w.config.Services[i].Name == name {
			return true
		}
	}
	return false
}

// follow makes the registry have a check of a service that nobody named just
// if the fleet knows it. To be told of its coming and going in the wrong order
// does no harm.
func (w *watch) follow(service string) {
	if w.isService(service) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name, followed := w.discovered[service]
	switch known := w.fleet.Known(service); {
	case known && !followed:
		name = service
		if w.names[name] {
			name = wire.Clean("service/"+service, health.MaxName)
		}
		s := Service{}
		s.settle()
		p := w.fleet.Probe(service, s.Silence, s.DownAfter, time.Time{})
		if err := w.registry.Register(name, p, serviceOptions(&s)...); err != nil {
			if !errors.Is(err, health.ErrClosed) {
				w.config.Logger.Warn("a service that said how it is is not followed", "service", service, "error", err)
			}
			return
		}
		w.discovered[service] = name
	case !known && followed:
		delete(w.discovered, service)
		w.registry.Unregister(name)
		w.history.log.Forget(name)
	}
}

// close ends the checks and writes what is left of their history.
func (w *watch) close(ctx context.Context) error {
	return errors.Join(w.registry.Close(ctx), w.history.close(ctx))
}
