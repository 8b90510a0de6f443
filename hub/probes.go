package hub

import (
	"sync"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// ownProbes makes each probe of a configuration one that is closed once, however
// often its Close is called: by the hub, as far as one was opened, and by the
// function that it returns, which closes them all.
func ownProbes(c *config.Config) (closeAll func()) {
	var closers []func() error
	own := func(p *health.Probe) {
		if p.Close != nil {
			p.Close = sync.OnceValue(p.Close)
			closers = append(closers, p.Close)
		}
	}
	for i := range c.Checks {
		own(&c.Checks[i].Probe)
	}
	for i := range c.Services {
		own(&c.Services[i].Probe)
	}
	return func() {
		for _, closeProbe := range closers {
			_ = closeProbe() // it was never used
		}
	}
}
