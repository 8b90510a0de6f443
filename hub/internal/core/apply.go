package core

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
)

// apply replaces the running checks and services by those of a configuration. One that
// is unchanged keeps running, with its state, and so does one of which only the rules
// changed; one that is gone ends, and its history stays. Everything that can fail is
// done first: if there is an error, nothing was changed, unless the hub is being
// closed.
func (c *checks) apply(conf *config.Config) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run(entries(conf), c.added, func() error {
		schedules, err := schedulesOf(conf)
		if err == nil {
			c.history.windows.set(schedules, c.last())
		}
		return err
	})
}

// run is apply with the entries of a configuration, and the checks that were added. It
// calls ready before it changes anything, when nothing else can fail. c is locked.
func (c *checks) run(file map[string]entry, more map[string]*added, ready func() error) error {
	wanted := together(file, more)
	started := make(map[string]*prepared)
	for name, e := range wanted {
		if sameProbe(c.configured[name], e) {
			continue
		}
		p, err := c.prepare(e)
		if err != nil {
			discard(started)
			return err
		}
		started[name] = &p
	}
	if err := ready(); err != nil {
		discard(started)
		return err
	}
	before := c.configured
	c.configured, c.file, c.added = wanted, file, more
	for name := range before {
		if wanted[name] == nil {
			c.end(name, c.judged(name)) // before another takes its name
		}
	}
	err := c.makeWay()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		switch p := started[name]; {
		case p != nil:
			err = errors.Join(err, c.register(name, p))
		case !reflect.DeepEqual(before[name], wanted[name]):
			err = errors.Join(err, c.registry.SetRules(name, config.Option(rulesOf(wanted[name]))))
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

// discard closes probes that were never used.
func discard(all map[string]*prepared) {
	for _, p := range all {
		if p.probe.Close != nil {
			_ = p.probe.Close()
		}
	}
}

// sameProbe reports whether two entries differ only in their rules.
func sameProbe(a, b entry) bool {
	switch a := a.(type) {
	case *config.Check:
		if b, ok := b.(*config.Check); ok {
			x, y := *a, *b
			x.Rules, y.Rules = health.Rules{}, health.Rules{}
			return reflect.DeepEqual(x, y)
		}
	case *config.Service:
		if b, ok := b.(*config.Service); ok {
			x, y := *a, *b
			x.Rules, y.Rules = health.Rules{}, health.Rules{}
			return reflect.DeepEqual(x, y)
		}
	}
	return false
}

// makeWay renames checks that are not configured if the configuration now has their
// names.
func (c *checks) makeWay() (err error) {
	for _, o := range c.own {
		if c.configured[o.name] != nil {
			c.end(o.name, "")
			err = errors.Join(err, c.startOwn(o))
		}
	}
	c.followAgain()
	return err
}

// followAgain gives the checks of discovered services the names that they should have
// now.
func (c *checks) followAgain() {
	for service := range maps.Clone(c.discovered) {
		c.followLocked(service)
	}
}

// Apply replaces the configuration by another validated one while the hub serves
// requests. The address, the store and the limits of endpoints and services do not
// change. If there is an error, nothing changes.
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
	h.intake.SetTemplates(c.Templates)
	h.keepSize(c.Retention.Size)
	h.api.Apply(apiSettings(c))
	h.config.Store(c)
	h.trouble.accept()
	return nil
}

// apiSettings returns the settings of a configuration that the API uses.
func apiSettings(c *config.Config) api.Settings {
	return api.Settings{Slow: &c.Slow, Tokens: api.Tokens(c.Tokens), Hosts: c.HostNames()}
}

// Refuse makes the hub degraded, with err as the reason that a changed configuration
// was rejected, until a configuration is applied.
func (h *Hub) Refuse(err error) {
	h.trouble.refuse(fmt.Errorf("the changed configuration was rejected; the hub keeps the previous one: %w", err))
}
