package core

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
)

// apply puts the checks and services of a configuration in place of those that
// run. One that is the same as before runs on, with its state; what is gone ends,
// and its history stays. If there is an error, nothing was changed.
func (c *checks) apply(conf *config.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := entries(conf)
	started := make(map[string]*prepared)
	for name, e := range wanted {
		if reflect.DeepEqual(c.configured[name], e) {
			continue
		}
		p, err := c.prepare(e)
		if err != nil {
			for _, p := range started {
				if p.probe.Close != nil {
					_ = p.probe.Close() // it was never used
				}
			}
			return err
		}
		started[name] = &p
	}
	before := c.configured
	c.configured = wanted
	for name := range before {
		if wanted[name] == nil || started[name] != nil {
			c.unregister(name)
		}
	}
	err := c.makeWay()
	for _, name := range slices.Sorted(maps.Keys(started)) {
		if regErr := c.register(name, started[name]); regErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, regErr))
		}
	}
	for name, e := range before {
		if _, was := e.(*config.Service); was {
			if _, is := wanted[name].(*config.Service); !is {
				c.fleet.Dismiss(name)
				c.followLocked(name)
			}
		}
	}
	return err
}

// makeWay moves what is not configured from the names that now are.
func (c *checks) makeWay() (err error) {
	for name, o := range c.own {
		if c.configured[o.name] != nil {
			c.unregister(o.name)
			err = errors.Join(err, c.startOwn(name, o))
		}
	}
	for service := range c.discovered {
		c.followLocked(service)
	}
	return err
}

// Apply puts a validated configuration in force in place of the one before, while
// requests go on. Where it listens, its store and the limits of its endpoints and
// services stay as they are. If there is an error, all does.
func (h *Hub) Apply(c *config.Config) error {
	if !h.drain.enter() {
		return fmt.Errorf("the hub is closed: %w", store.ErrClosed)
	}
	defer h.drain.leave()
	h.applying.Lock()
	defer h.applying.Unlock()
	if err := h.checks.apply(c); err != nil {
		return err
	}
	h.intake.SetRetention(c.Retention.Age)
	h.api.Apply(&c.Slow, api.Tokens(c.Tokens))
	h.config.Store(c)
	h.checks.accepted()
	return nil
}

// Refuse makes the health of the hub tell that a changed configuration is refused,
// until one is applied. The hub is degraded by it, not down.
func (h *Hub) Refuse(err error) { h.checks.refuse(err) }
