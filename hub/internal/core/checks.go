package core

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/fleet"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/hub/internal/loop"
	"github.com/kymohq/kymo/hub/internal/store"
)

// checks is everything whose health the hub follows: the checks and services of its
// configuration, checks that were added over the API (added.go), services that were
// discovered, and the hub itself.
type checks struct {
	*Options
	fleet    *fleet.Fleet
	registry health.Registry
	history  *history
	looking  *loop.Loop // tells the fleet that the hub runs

	mu         sync.Mutex
	configured map[string]entry  // by name: the checks and services that run by configuration, or were added
	file       map[string]entry  // those of the configuration
	added      map[string]*added // those over the API, also such as do not run
	discovered map[string]string // services that are not configured, to the names of their checks
	own        map[string]*ownCheck
	memory     memory // while the hub starts

	stopDeepening func()
}

// entry is a check or a service of the configuration: a *config.Check or a
// *config.Service. Equal entries are run in the same way.
type entry any

// startChecks starts the checks of a configuration, and more that were added.
func startChecks(st store.Store, conf *config.Config, more map[string]*added, o *Options, appended intake.AppendFunc) (*checks, error) {
	c := &checks{
		Options: o, configured: make(map[string]entry), added: more,
		discovered: make(map[string]string), own: make(map[string]*ownCheck),
	}
	c.fleet = fleet.New(fleet.Limits{Services: conf.MaxServices}, o.Now)
	c.fleet.OnChange(c.follow)
	c.history = newHistory(st, appended)
	c.registry.Observe(c.history.observe)
	c.history.start(o.beats, c.fleet.Sweep)
	c.looking = loop.Start(time.Second, nil, func(context.Context) { c.fleet.Look() })
	c.recall(st)
	err := c.apply(conf)
	if checker, ok := st.(store.Checker); ok && err == nil {
		err = c.checkStore(checker) // last: names in the configuration come first
	}
	if err != nil {
		// No hub will be there to stop what was started.
		return nil, errors.Join(err, c.close(context.Background()))
	}
	c.resumeServices()
	c.deepen(st)
	return c, nil
}

// entries returns the checks and services of a configuration by name.
func entries(conf *config.Config) map[string]entry {
	all := make(map[string]entry)
	for i := range conf.Checks {
		all[conf.Checks[i].Name] = &conf.Checks[i]
	}
	for i := range conf.Services {
		all[conf.Services[i].Name] = &conf.Services[i]
	}
	return all
}

// rulesOf returns the rules of an entry.
func rulesOf(e entry) health.Rules {
	switch e := e.(type) {
	case *config.Check:
		return e.Rules
	case *config.Service:
		return e.Rules
	}
	return health.Rules{}
}

// prepared is an entry with its probe, which does not run yet.
type prepared struct {
	entry entry
	probe health.Probe
}

// prepare makes the probe of an entry, unless it is judged by its heartbeats.
func (c *checks) prepare(e entry) (p prepared, err error) {
	p.entry = e
	switch e := e.(type) {
	case *config.Check:
		if p.probe = e.Probe; p.probe.Run == nil {
			p.probe, err = c.Makers.Probe(&e.Spec)
		}
	case *config.Service:
		if p.probe = e.Probe; p.probe.Run == nil && e.Health != "" {
			p.probe, err = c.Makers.Service(&e.Poll)
		}
	}
	return p, err
}

// register starts a prepared entry, in place of the check that has the name.
func (c *checks) register(name string, p *prepared) error {
	if s, ok := p.entry.(*config.Service); ok && p.probe.Run == nil {
		p.probe = c.fleet.Probe(name, s.Silence, s.DownAfter, c.Now())
		c.history.services.Store(name, name)
	} else {
		c.history.services.Delete(name)
	}
	return c.registry.Replace(name, p.probe, config.Option(rulesOf(p.entry)), c.resume(name))
}

// end ends a check without waiting: closing its probe may take any time, and c is
// locked. Its history stays. If it is the check of a service that is not known any more,
// the history has that it left, so that the next hub does not wait for it.
func (c *checks) end(name, service string) {
	done := c.registry.End(name)
	if done == nil {
		return
	}
	go func() {
		<-done
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.inUse(name):
		case service != "" && !c.fleet.Known(service):
			c.history.left(service, name)
		default:
			c.history.log.Forget(name)
		}
	}()
}

// judged returns the name of a service of the configuration that is judged by its
// heartbeats, which is that of its check, or "" if it is another check.
func (c *checks) judged(name string) string {
	service, _ := c.history.services.Load(name)
	s, _ := service.(string)
	return s
}

// inUse reports whether there is a check of that name.
func (c *checks) inUse(name string) bool {
	for _, is := range c.discovered {
		if is == name {
			return true
		}
	}
	return c.taken(name)
}

// close ends the checks and writes what is left of their history.
func (c *checks) close(ctx context.Context) error {
	c.looking.Stop()
	if c.stopDeepening != nil {
		c.stopDeepening()
	}
	return errors.Join(c.registry.Close(ctx), c.history.close(ctx))
}
