package core

import (
	"errors"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/internal/wire"
)

// servicePrefix begins the name of a discovered service's check if another check has the
// service's name.
const servicePrefix = "service/"

// follow registers a check for a service that is not configured if the fleet knows the
// service, and ends that check otherwise. Calls may come in any order.
func (c *checks) follow(service string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followLocked(service)
}

func (c *checks) followLocked(service string) {
	name, want := c.checkOf(service)
	if is, followed := c.discovered[service]; followed && (!want || is != name) {
		delete(c.discovered, service)
		c.end(is, service)
	} else if followed {
		return
	}
	if !want {
		return
	}
	s := config.Discovered(service)
	p := c.fleet.Probe(service, s.Silence, s.DownAfter, time.Time{})
	c.history.services.Store(name, service)
	if err := c.registry.Register(name, p, config.Option(s.Rules), c.resume(name)); err != nil {
		if !errors.Is(err, health.ErrClosed) {
			c.Logger.Warn("cannot check a service that sends heartbeats", "service", service, "error", err)
		}
		return
	}
	c.discovered[service] = name
}

// checkOf returns the name of a discovered service's check, and whether the service
// should have one.
func (c *checks) checkOf(service string) (name string, want bool) {
	if _, configured := c.configured[service].(*config.Service); configured || !c.fleet.Known(service) {
		return "", false
	}
	if c.taken(service) {
		return wire.Clean(servicePrefix+service, health.MaxName), true
	}
	return service, true
}

// taken reports whether another check has the name.
func (c *checks) taken(name string) bool {
	if c.configured[name] != nil {
		return true
	}
	for _, o := range c.own {
		if o.name == name {
			return true
		}
	}
	return false
}
