package hub

import (
	"sync"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// ownProbes ensures that each probe of a configuration is closed only once, even if
// the hub and closeAll both close it. closeAll closes all of them.
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
